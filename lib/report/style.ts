/** The page's style sheet: the system's letters, light and dark, one column on a telephone. */
export const STYLE = `
:root{color-scheme:light dark;--page:#fbfbf9;--panel:#fff;--text:#1c2127;--muted:#59616b;--line:#e6e7e4;--line-strong:#b9bdc0;
--accent:#2f55c4;--baseline:#c4691c;--visual:#12807a;--text-branch:#8a4bb3;--grey:#8f969d;--other-1:#5f9bd8;--other-2:#b5894b;--other-3:#b04a6b;
--up:#1b7443;--down:#b3342d;--tint:#eef2fd}
@media (prefers-color-scheme:dark){:root{--page:#14171a;--panel:#1b1f23;--text:#e7e9ea;--muted:#a2aab2;--line:#2c3136;--line-strong:#525a61;
--accent:#86a6ff;--baseline:#eda05a;--visual:#4fc4b8;--text-branch:#cb9bea;--grey:#7f878e;--other-1:#4f86bd;--other-2:#a98a5c;--other-3:#e08aa6;
--up:#6fce97;--down:#f28b82;--tint:#222a3c}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--text);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:60rem;margin:0 auto;padding:3rem 1.25rem 4rem}
h1{font-size:1.9rem;line-height:1.2;font-weight:650;letter-spacing:-.015em;margin:0 0 1rem;overflow-wrap:anywhere}
h2{font-size:1.25rem;font-weight:650;letter-spacing:-.005em;margin:3.25rem 0 1rem}
h3{font-size:1rem;font-weight:650;margin:0}
h3,h4,.confused td,summary{overflow-wrap:anywhere}
h4{font-size:.85rem;font-weight:600;margin:1rem 0 .35rem}
small{font-size:.8em;font-weight:400;color:var(--muted);white-space:nowrap}
.facts{margin:0;display:grid;gap:.25rem}
.facts div{display:grid;grid-template-columns:6rem 1fr;gap:.75rem}
dt{color:var(--muted)}dd{margin:0;overflow-wrap:anywhere}
.note,figcaption{color:var(--muted);font-size:.875rem;margin:.75rem 0 0;max-width:44rem}
.up{color:var(--up)}.down{color:var(--down)}
.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.lead{margin:2rem 0 .6rem;font-size:.9rem;color:var(--muted)}
.tiles{list-style:none;margin:0;padding:0;display:grid;grid-template-columns:repeat(4,1fr);border:1px solid var(--line);border-radius:8px;background:var(--panel)}
.tiles li{padding:.9rem 1.1rem;border-left:1px solid var(--line)}
.tiles li:first-child{border-left:0}
.tiles span{display:block}
.tile-name{font-weight:600;font-size:.9rem}
.tiles strong{display:block;font-size:2rem;line-height:1.25;font-weight:650;letter-spacing:-.02em;font-variant-numeric:tabular-nums}
.tile-of{font-size:.8rem;color:var(--muted);font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto}
.tall{max-height:26rem;overflow-y:auto;border:1px solid var(--line);border-radius:6px;margin-top:.5rem;padding:0 .75rem}
.scroll:focus-visible,summary:focus-visible,pre:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-size:.9rem}
caption{text-align:left;color:var(--muted);font-size:.875rem;padding-bottom:.4rem}
th,td{padding:.38rem .5rem;text-align:left;border-bottom:1px solid var(--line);vertical-align:baseline}
th:first-child,td:first-child{padding-left:0}th:last-child,td:last-child{padding-right:0}
thead th{font-weight:500;color:var(--muted);font-size:.825rem;border-bottom-color:var(--line-strong)}
tbody th,tfoot th{font-weight:400;overflow-wrap:anywhere}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
tfoot td,tfoot th{border-bottom:0;font-weight:600}
tfoot tr:first-child>*{border-top:1px solid var(--line-strong)}
.ours>*{background:var(--tint)}
.ours>th:first-child{box-shadow:inset 3px 0 var(--accent);padding-left:.6rem;font-weight:600}
.tables{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:1.5rem 2.5rem}
figure{margin:0}
svg{display:block;width:100%;height:auto}
.narrow{display:none}
.legend{list-style:none;margin:0 0 .4rem;padding:0;display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;font-size:.85rem}
.legend li{display:flex;align-items:center;gap:.4rem;overflow-wrap:anywhere}
.key{width:.7rem;height:.7rem;border-radius:2px;flex:none}.key.line{height:3px;width:1rem}
.stages{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,17rem),1fr));gap:2rem 1.5rem}
.stage{min-width:0;max-width:30rem}
.stage h4{color:var(--muted);margin-top:.6rem}
.stage .legend{font-size:.8rem;min-height:1.3rem}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,25rem),1fr));gap:1.25rem;margin-top:1.25rem}
.card{min-width:0;background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:1.1rem 1.2rem 1rem}
.card-top{display:flex;gap:1rem;margin-bottom:.75rem}
.card-top>div{min-width:0}
.card-top h3,.card-top p{overflow-wrap:anywhere}
.card-top p{margin:0;font-size:.85rem}
.card-top h3+p,.card .id{color:var(--muted)}
.card .id{font-size:.75rem;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.card img{flex:none;border:1px solid var(--line);border-radius:4px;background:#fff}
.pixelated{image-rendering:pixelated}
.guesses{font-size:.85rem;table-layout:fixed}
.guesses th:first-child{width:46%}
.guesses th,.guesses td{padding:.25rem .4rem;border-bottom:0}
.guesses th:first-child{padding-left:0}.guesses td:last-child,.guesses th:last-child{padding-right:0}
.guesses thead th{padding-bottom:.1rem;font-size:.775rem}
.true th{font-weight:600}
.bar{display:block;height:4px;margin-top:2px;border-radius:2px;background:linear-gradient(var(--c),var(--c)) 0/var(--w) 100% no-repeat var(--line)}
.sentences{list-style:none;margin:0;padding:0;font-size:.85rem;line-height:1.4}
.sentences li{display:grid;grid-template-columns:1fr auto;gap:.15rem .75rem;align-items:baseline;padding:.25rem 0}
.sentences span:first-child{overflow-wrap:anywhere}
.sentences b{font-weight:500;font-variant-numeric:tabular-nums}
.sentences .bar{grid-column:1/-1;margin:0}
details{margin-top:1rem}
.card details{margin-top:.3rem}
summary{cursor:pointer;color:var(--accent);font-size:.9rem}
.card summary{font-size:.8rem}
pre{overflow:auto;background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:1rem;font:13px/1.5 ui-monospace,Menlo,Consolas,monospace;max-height:32rem}
.confused td:last-child{white-space:nowrap;font-variant-numeric:tabular-nums}
.meter{display:inline-block;width:6rem;height:6px;border-radius:3px;margin-right:.75rem;vertical-align:middle;background:linear-gradient(var(--down),var(--down)) 0/var(--w) 100% no-repeat var(--line)}
@media (max-width:44rem){main{padding:1.75rem 1rem 3rem}h1{font-size:1.5rem}h2{margin-top:2.5rem}
.wide{display:none}.narrow{display:block}.facts div{grid-template-columns:1fr;gap:0}.facts{gap:.6rem}
.tiles{grid-template-columns:1fr 1fr}.tiles li:nth-child(odd){border-left:0}.tiles li:nth-child(n+3){border-top:1px solid var(--line)}.tiles strong{font-size:1.7rem}.tile-name small{display:block}
.card{padding:.9rem}.meter{width:2.5rem;margin-right:.4rem}}
@media print{.card,figure,.stage,tr{break-inside:avoid}main{padding:0}}
`.trim();
