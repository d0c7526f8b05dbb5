"""The rules of texts of campaigns that began before `Campaign.text_rules` was 2: frozen, and gone with the last."""
