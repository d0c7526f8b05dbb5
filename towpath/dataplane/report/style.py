"""The sheet of a report's page: light and dark, with a contrast of 4.5 to 1 or more for every text."""

CSS = """
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--fg:#1b2330;--muted:#566173;--line:#dde2e9;--track:#e9edf2;
--value:#2f6fb3;--good:#1f7a4d;--warn:#8a5a00;--bad:#b3372f;--good-bg:#e3f3ea;--warn-bg:#fbf0d9;--bad-bg:#fbe7e5}
@media(prefers-color-scheme:dark){:root{--bg:#12161c;--card:#1a2028;--fg:#e6eaf0;--muted:#a3aebd;--line:#2e3743;
--track:#29313c;--value:#6aa9e9;--good:#5cc48d;--warn:#e0b050;--bad:#f08a80;--good-bg:#17352a;--warn-bg:#3a2f16;
--bad-bg:#44211f}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1080px;margin:0 auto;padding:32px 24px 64px}
h1{font-size:26px;line-height:1.2;margin:0}h2{font-size:18px;margin:36px 0 12px}h3{font-size:14px;margin:0 0 8px}
.gap{height:12px}p{margin:6px 0}
.muted{color:var(--muted)}code{font:13px/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
header .top{display:flex;gap:12px;align-items:center;flex-wrap:wrap}
.badge{padding:2px 10px;border-radius:99px;font-weight:600;font-size:13px;white-space:nowrap}
.badge.good{background:var(--good-bg);color:var(--good)}.badge.warn{background:var(--warn-bg);color:var(--warn)}
.badge.bad{background:var(--bad-bg);color:var(--bad)}
.facts{display:flex;flex-wrap:wrap;gap:4px 24px;margin-top:10px;font-size:14px;overflow-wrap:anywhere}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin-top:22px}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px}
.tile b{display:block;font-size:22px;line-height:1.25;white-space:nowrap;
font-variant-numeric:tabular-nums}.tile{padding:14px 16px}
.tile span{color:var(--muted);font-size:13px}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(420px,100%),1fr));gap:12px}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(250px,1fr));gap:12px}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:7px 10px;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child td{border-bottom:0}th{font-weight:600;color:var(--muted);font-size:13px;white-space:nowrap}
td.n,th.n{text-align:right;white-space:nowrap}
svg+p{margin-top:14px}
svg{display:block;width:100%;height:auto}svg text{fill:var(--fg);font-size:13px}svg .end{text-anchor:end}
svg.wide{min-width:720px}svg.half{min-width:420px}
svg .title{font-weight:600}svg .note,svg .figure{fill:var(--muted)}svg .note{font-size:11.5px}
svg .track{fill:var(--track)}svg .value{fill:var(--value)}svg .good{fill:var(--good)}svg .bad{fill:var(--bad)}
svg .mark{fill:var(--fg)}svg .axis{fill:var(--line)}svg .box{fill:var(--card);stroke:var(--line)}
svg .edge{fill:none;stroke:var(--value);stroke-width:1.6;opacity:.75}svg .edge.load{stroke:var(--good)}
svg .edge.conditional{stroke-dasharray:5 4}
details{margin-top:10px}summary{cursor:pointer;color:var(--muted);font-size:13px}
pre{overflow-x:auto;margin:8px 0 0;padding:10px;border-radius:6px;background:var(--track);
font-size:12.5px;line-height:1.45}
.values{list-style:none;margin:8px 0 0;padding:0;font-size:13px}
.values li{display:flex;gap:8px;justify-content:space-between}
.values code{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;min-width:0}
.note{border-left:3px solid var(--warn);padding:8px 12px;background:var(--card);margin-top:10px;
border-radius:0 6px 6px 0}
.ops{margin:8px 0 0;padding-left:24px}.ops li{margin:3px 0;overflow-wrap:anywhere}
.rows{list-style:none;margin:6px 0 0;padding:0}.rows li{margin:4px 0;overflow-wrap:anywhere}
.rows code{font-size:12.5px}.rows .where{color:var(--muted);margin-right:8px}
@media print{body{background:#fff}.card{break-inside:avoid}}
"""
