"""What a call of Claude costs, behind genai-prices. A model without a known price has no price, never zero."""

from decimal import Decimal

import genai_prices

from towpath.contracts.core.claude import Usage

USD_PER_SEARCH = Decimal("0.01")
"""The API's list price: 10 USD for 1,000 web searches. The token table does not hold it."""


class Prices:
    """List prices in USD by model."""

    def cost_usd(self, model: str, usage: Usage) -> Decimal | None:
        """The price of `usage` at `model`, None when the table does not know the model.

        genai-prices and `Usage` both count cached tokens as part of the input; the API's own figures do not.
        """
        tokens = genai_prices.Usage(
            input_tokens=usage.input_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            output_tokens=usage.output_tokens,
        )
        try:
            price = genai_prices.calc_price(tokens, model, provider_id="anthropic").total_price
        except LookupError:
            return None
        return price + usage.web_searches * USD_PER_SEARCH

    def worst_case_usd(self, model: str, input_tokens: int, max_tokens: int, searches: int = 0) -> Decimal | None:
        """The price when nothing is read from a cache, the answer fills `max_tokens`, and every search is made."""
        worst = Usage(input_tokens=input_tokens, output_tokens=max_tokens, web_searches=searches)
        return self.cost_usd(model, worst)
