/** How the page looks: on a screen by day and by night, on a phone, on paper. No font, picture or file of anybody else's. */
export const styles = `
:root{color-scheme:light dark;--paper:#fff;--sheet:#f6f7f8;--ink:#1b1f24;--soft:#4f5761;--line:#d5d9de;--ok:#17633a;--okbg:#e9f4ec;--down:#fff;--downbg:#a8201a;--downline:#7d130f;--q:#5c4300;--qbg:#fbe9b3;--qline:#94700f;--accent:#1d4f91}
@media (prefers-color-scheme:dark){:root{--paper:#121518;--sheet:#1b1f24;--ink:#e7eaed;--soft:#aab2bb;--line:#383f47;--ok:#8ed8a8;--okbg:#16291d;--down:#2a0402;--downbg:#ff9086;--downline:#ffc2bc;--q:#ffdd85;--qbg:#433405;--qline:#c9a23c;--accent:#8db9f2}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:break-word}
header,main,footer{max-width:76rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:1.5rem}
code,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:.92em;overflow-wrap:anywhere}
p,dl,ul,h1,h2,h3{margin:0}
bdi{overflow-wrap:anywhere}
a{color:var(--accent)}
.skip{position:absolute;left:-99rem}
.skip:focus{left:1rem;top:.5rem;background:var(--paper);padding:.25rem .5rem}
.network{color:var(--soft);display:flex;flex-wrap:wrap;gap:.1rem 1rem}
.network strong{color:var(--ink);letter-spacing:.01em}
.shout{border:2px solid var(--ink);padding:0 .4rem;font-weight:700;letter-spacing:.06em;color:var(--ink)}
.verdict{border-left:.5rem solid var(--soft);padding:.15rem 0 .15rem 1rem;margin:1rem 0 1.25rem}
.verdict.OK{border-color:var(--ok)}.verdict.FAIL{border-color:var(--downbg)}.verdict.UNKNOWN{border-color:var(--qline)}
h1{font-size:1.75rem;line-height:1.2;font-weight:650;letter-spacing:-.01em;text-wrap:balance}
h1 .word{display:inline-block;font-size:.62em;font-weight:700;letter-spacing:.05em;padding:.16em .5em;margin-right:.5em;vertical-align:.18em;border:2px solid}
.word.OK{color:var(--ok);background:var(--okbg)}.word.FAIL{color:var(--down);background:var(--downbg);border-color:var(--downbg)!important}.word.UNKNOWN{color:var(--q);background:var(--qbg)}
.verdict ul{list-style:none;padding:0;margin-top:.5rem;max-width:60rem}
.numbers{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.75rem 1.5rem;border-top:1px solid var(--line);border-bottom:1px solid var(--line);padding:.75rem 0}
.numbers dt{color:var(--soft);font-size:.85rem}
.numbers dd{margin:0;font-size:1.15rem;font-weight:600}
.numbers>div{min-width:0}
.numbers dd small{font-weight:400;font-size:.85rem;color:var(--soft)}
nav{margin:.75rem 0 0;font-size:.9rem;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem}
section{margin-top:2rem}
h2{font-size:1.15rem;font-weight:650;margin-bottom:.5rem}
.hint{color:var(--soft);font-size:.9rem;margin-bottom:.5rem;max-width:52rem}
.finding{border-top:1px solid var(--line);padding:.75rem 0}
.finding h3{font-size:1rem;font-weight:650;display:flex;flex-wrap:wrap;gap:.1rem .75rem;align-items:baseline}
.finding h3 bdi,.network span{min-width:0}
.finding h3 bdi{font-weight:400}
.finding button{margin-left:auto}
dl.parts{display:grid;grid-template-columns:6rem minmax(0,1fr);gap:.15rem .75rem;margin-top:.25rem}
dl.parts dt{color:var(--soft)}
dl.parts dd{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;max-height:16rem;overflow:auto}
.next dd{font-weight:500}
.legend{display:flex;flex-wrap:wrap;gap:.35rem 1.25rem;font-size:.9rem;margin-bottom:.6rem;color:var(--soft);padding:0;list-style:none}
.legend .key{display:inline-block;min-width:1.7rem;text-align:center;padding:0 .3rem;margin-right:.35rem;font-size:.78rem;line-height:1.35rem;font-weight:650}
form{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:end;margin-bottom:.6rem}
form[hidden]{display:none}
label{font-size:.85rem;color:var(--soft);display:grid;gap:.15rem;max-width:100%}
select,button{font:inherit;font-size:.9rem;color:var(--ink);background:var(--paper);border:1px solid var(--soft);border-radius:3px;padding:.25rem .5rem;max-width:100%;min-height:2rem}
select{width:15rem}
button{cursor:pointer}
button:hover{background:var(--sheet)}
:focus-visible{outline:3px solid var(--accent);outline-offset:1px}
output{font-size:.9rem;padding:.3rem 0}
.split{display:grid;grid-template-columns:minmax(0,1fr);gap:1rem}
.split>*{min-width:0;align-self:start}
.scripted.beside{grid-template-columns:minmax(0,max-content) minmax(16rem,1fr)}
.box{overflow:auto;border:1px solid var(--line);max-width:100%;width:fit-content;position:relative;overscroll-behavior:contain auto}
.tall{max-height:min(46rem,84vh)}
table{border-collapse:separate;border-spacing:0;font-size:.9rem}
caption{text-align:left;color:var(--soft);font-size:.85rem;padding:.35rem .6rem}
.box>table>caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
th{font-weight:600;text-align:left}
.matrix{table-layout:fixed;width:1px;line-height:1.2}
.matrix th,.matrix td{padding:0;height:2.1rem;width:3.5rem;text-align:center;border-right:1px solid var(--line);border-bottom:1px solid var(--line)}
.matrix thead th{position:sticky;top:0;background:var(--sheet);z-index:2}
.matrix tbody th{position:sticky;left:0;background:var(--sheet);z-index:1;text-align:left;width:11rem;max-width:11rem;padding:0 .5rem;white-space:nowrap;overflow:hidden;text-overflow:ellipsis;font-weight:400}
.matrix tbody th b{display:inline-block;min-width:1.6em;text-align:right;margin-right:.5em;font-weight:600}
.matrix tbody th bdi{overflow-wrap:normal}
.matrix thead th:first-child{left:0;z-index:3;width:11rem;text-align:left;padding:0 .5rem;font-weight:400;color:var(--soft);font-size:.82rem}
.o{color:var(--ok);background:var(--okbg)}
.x{color:var(--down);background:var(--downbg);font-weight:750}
.q{color:var(--q);background:var(--qbg);font-weight:650;box-shadow:inset 0 0 0 1px var(--qline)}
.s{color:var(--soft);background:var(--sheet)}
.matrix .x{font-size:.8rem;overflow-wrap:normal}
.few th,.few td{width:4.4rem;height:2.5rem}
.matrix small,.key small{display:block;font-size:.68rem;font-weight:600;line-height:1}
.legend{align-items:center}.key small{padding-bottom:.2rem}
.dense{font-size:.72rem}
.dense th,.dense td{height:1.3rem;width:1.45rem}
.dense thead th{font-size:.65rem;font-weight:500}
.dense tbody th,.dense thead th:first-child{width:8.5rem;max-width:8.5rem;padding:0 .35rem;font-size:.72rem}
.dense .o{font-size:0}
.dense td.o{background:radial-gradient(circle,currentColor 1px,transparent 1.6px) var(--okbg)}
.dense td{border-color:var(--paper)}
.dense .q{box-shadow:inset 0 0 0 1px var(--qline)}
.dense .x{font-size:.72rem}
.dense .x.w,.framed .key.w{box-shadow:inset 0 0 0 2px var(--downbg),inset 0 0 0 3px var(--down)}
.dense .s{font-size:0}
@media (min-width:80rem){.whole{overflow:visible;border:0;max-height:none}.tiny td,.tiny thead th{width:.64rem;height:.8rem;font-size:.6rem}.tiny thead th{height:1.7rem;writing-mode:vertical-rl;text-align:left;padding:.1rem 0;line-height:1;font-size:.56rem}.tiny thead th:first-child{writing-mode:horizontal-tb}.tiny tbody th,.tiny thead th:first-child{height:.8rem;width:8rem;max-width:8rem;font-size:.62rem}.tiny .x,.tiny .q{font-size:.6rem}.tiny .x.w{box-shadow:inset 0 0 0 1px var(--downline)}}
.aside{content-visibility:hidden;border:0}
.scripted .matrix td:not(.s){cursor:pointer}
.matrix td.back{outline:2px dashed var(--accent);outline-offset:-2px}
.matrix td.here,.matrix td:focus{outline:3px solid var(--accent);outline-offset:-2px;position:relative;z-index:1}
.matrix th.lit{background:var(--ink);color:var(--paper)}
.panel{border:1px solid var(--line);padding:.75rem 1rem;align-self:start;background:var(--sheet);overflow-wrap:anywhere}
.panel h3{font-size:1rem;font-weight:650;margin-bottom:.25rem}
.panel h3:not(:first-child){margin-top:.75rem;border-top:1px solid var(--line);padding-top:.6rem}
.panel dl.parts{grid-template-columns:5.5rem minmax(0,1fr);font-size:.9rem}
.tag{font-weight:700;padding:0 .35rem;font-size:.85em}
.list{width:100%}
.list th,.list td{vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid var(--line);text-align:left}
.list thead th{background:var(--sheet);position:sticky;top:0;font-size:.82rem;color:var(--soft);font-weight:500;white-space:nowrap;z-index:1}
.list td.which{min-width:8rem;max-width:26rem}
.list td.why{min-width:12rem;overflow-wrap:anywhere}
.list bdi{overflow-wrap:break-word}
.who{display:block;max-width:13rem;max-height:7rem;overflow:auto;font-weight:400}
.who bdi{overflow-wrap:anywhere}
.list td .clip{max-width:22rem;overflow-wrap:anywhere}
.why .clip{max-width:40rem!important}
.list .sub{display:block;color:var(--soft);font-size:.88em}
.list .nowrap,.tag{white-space:nowrap}
.people{font-size:.85rem}
.people th:first-child{min-width:7.5rem}
.people td:nth-of-type(1){min-width:8.5rem}
.people td:nth-of-type(2){min-width:10rem}
.list td .clip,.clip{display:block;max-height:9rem;overflow:auto}
.number{text-align:right!important;white-space:nowrap}
footer{margin-top:2.5rem;padding-top:.75rem;padding-bottom:2rem;color:var(--soft);font-size:.85rem;border-top:1px solid var(--line)}
@media (max-width:60rem){.scripted.beside{grid-template-columns:minmax(0,1fr)}}
@media (max-width:34rem){header,main,footer{padding-left:.8rem;padding-right:.8rem}h1{font-size:1.4rem}h1 .word{font-size:.7em}.numbers{grid-template-columns:1fr 1fr}dl.parts{grid-template-columns:minmax(0,1fr)}dl.parts dt{font-size:.82rem;margin-top:.25rem}.panel dl.parts{grid-template-columns:5rem minmax(0,1fr)}.matrix tbody th,.matrix thead th:first-child{width:5.5rem;max-width:5.5rem;padding:0 .3rem}.matrix th,.matrix td{width:2.9rem}.matrix .x{font-size:.72rem}.matrix small{font-size:.6rem}.dense th,.dense td{width:1.45rem}.list td.which{min-width:5.5rem}.list td.why{min-width:9rem}.few th,.few td{width:3.6rem}select{width:100%}label{flex:1 1 9rem}}
@media print{:root{--paper:#fff;--sheet:#f6f7f8;--ink:#000;--soft:#444;--line:#bbb;--ok:#17633a;--okbg:#fff;--down:#fff;--downbg:#000;--downline:#000;--q:#000;--qbg:#e6e6e6;--qline:#000;--accent:#000}
body{font-size:9.5pt;print-color-adjust:exact;-webkit-print-color-adjust:exact}header,main,footer{max-width:none;padding:0}nav,form,.skip,.panel,.finding button,#pairs,#keys{display:none!important}
.box{max-height:none;overflow:visible;border:0;width:auto}.split,.scripted.beside{display:block}.matrix thead th,.matrix tbody th,.list thead th{position:static}.finding,tr{break-inside:avoid}h2{break-after:avoid}dl.parts dd,.clip,.list td .clip{max-height:none;overflow:visible}
.aside{content-visibility:visible}.narrow{display:none}.matrix th.lit{background:var(--sheet);color:var(--ink)}.matrix td.back,.matrix td.here,.matrix td:focus{outline:0}.matrix{width:100%}.matrix th,.matrix td{width:auto;height:15pt;font-size:7.5pt}.matrix tbody th,.matrix thead th:first-child{width:68pt;font-size:7.5pt}.matrix .x{font-size:6.5pt}.list{font-size:7.5pt}.list th,.list td{padding:2pt 3pt}.people th:first-child,.people td:nth-of-type(n){min-width:0}.people .nowrap,.people .clip{white-space:normal;overflow-wrap:break-word}.wide-sheet{page:wide}.dense{font-size:4.6pt;width:100%}.dense td,.dense th,.dense thead th,.dense tbody th{height:7pt;width:auto;font-size:4.6pt;padding:0}.dense tbody th,.dense thead th:first-child{width:36pt;max-width:36pt}}
@page{margin:12mm}@page wide{size:A4 landscape;margin:8mm}
`;
