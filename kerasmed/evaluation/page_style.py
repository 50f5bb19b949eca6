"""How report.html looks, on a screen and on paper."""

STYLE = """
:root { --ink: #1c2430; --soft: #5d6b7a; --line: #dfe5ea; --blue: #0072b2; --warn: #8a3200; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; color: var(--ink);
  max-width: 1080px; margin: 0 auto; padding: 1.5rem 1.25rem 3rem; background: #fff; }
h1 { font-size: 1.6rem; margin: .4rem 0 .6rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; padding-bottom: .25rem; border-bottom: 2px solid var(--line); }
small, .small { color: var(--soft); font-size: .85em; }
.disclaimer, footer { color: var(--soft); font-size: .85rem; }
footer { margin-top: 3rem; border-top: 2px solid var(--line); padding-top: .6rem; }
.badge { border-left: 5px solid #d55e00; background: #fdf0e6; color: var(--warn); font-weight: 600;
  padding: .5rem .8rem; margin: .4rem 0; }
.tiles { display: flex; flex-wrap: wrap; gap: .8rem; margin-top: 1rem; }
.tile { flex: 1 1 9rem; border: 1px solid var(--line); border-radius: 8px; padding: .7rem 1rem; }
.tile span { display: block; color: var(--soft); font-size: .85rem; }
.tile b { font-size: 1.55rem; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; color: var(--soft); font-weight: 600; font-size: .85rem; }
th, td { padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.ends, .name { white-space: nowrap; }
.none { color: var(--soft); font-style: italic; }
.bar { position: relative; width: 150px; height: 10px; margin-top: .4rem; background: #eef2f5; border-radius: 5px; }
.bar i { position: absolute; top: 0; height: 10px; min-width: 2px; background: #9fcbe6; border-radius: 5px; }
.bar b { position: absolute; top: -3px; width: 3px; height: 16px; margin-left: -1px; background: var(--blue); }
.pictures { display: flex; flex-wrap: wrap; gap: 1.4rem 2rem; align-items: flex-start; }
figure { margin: 0; max-width: 100%; break-inside: avoid; }
figcaption { font-weight: 600; margin-bottom: .3rem; }
img { max-width: 100%; height: auto; }
dl { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .15rem 1rem; margin: .2rem 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
@media print { body { max-width: none; padding: 0; } h2 { break-after: avoid; } tr { break-inside: avoid; } }
"""
