/// The looks of a report: light, dark and on paper.
enum Style {
  /// Colours that stay apart for the colour-blind (after Okabe and Ito), in tones for a white and a black ground.
  /// s: settings and series; q: first layer to last; p: phases.
  private static let light = """
    --bg:#fbfaf7;--card:#fff;--ink:#1c2127;--soft:#59636e;--line:#e3e1da;--accent:#0b5cad;--note:#fff5dc;--hover:#f2f6fb;--edge:#e2b93b;
    --s1:#0b62b0;--s2:#c4500c;--s3:#007d66;--s4:#9c3f94;--s5:#9a7200;--s6:#2b8fc9;--s7:#666c73;--s8:#8b2635;
    --q1:#d29a00;--q2:#8fa31e;--q3:#3d9b5b;--q4:#1d8a83;--q5:#2c6f97;--q6:#424f93;--q7:#561b73;--q8:#2a0a3d;
    --p1:#0b62b0;--p2:#6db7e6;--p3:#009b7a;--p4:#d55e00;--p5:#f0ab2e;--p6:#b8559f;--p7:#9aa1a8;--p8:#4a4f55;
    """
  private static let dark = """
    --bg:#101317;--card:#171b21;--ink:#e8eaed;--soft:#a2acb7;--line:#2c333b;--accent:#7db8ff;--note:#2d2712;--hover:#1e252e;--edge:#a5842a;
    --s1:#6db3ff;--s2:#ff9b5e;--s3:#3fd2ad;--s4:#e59be2;--s5:#e5c548;--s6:#a5dcff;--s7:#b4bbc3;--s8:#ff8d99;
    --q1:#fbe45c;--q2:#bcdf52;--q3:#72d07c;--q4:#45c4b0;--q5:#5db2e6;--q6:#939cf5;--q7:#cf93f2;--q8:#f3b3e6;
    --p1:#4d9bf0;--p2:#a3d8fa;--p3:#2fc49f;--p4:#f5813a;--p5:#f8c766;--p6:#d884c3;--p7:#8f98a1;--p8:#5d666f;
    """

  /// Of the SVG alone: also that of a picture that stands by itself.
  static let drawing = """
    .chart text{font:12.5px system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;fill:var(--soft)}
    .chart .key{fill:var(--ink)}
    .chart .grid{stroke:var(--line);stroke-width:1}
    .chart .axis{stroke:var(--soft);stroke-width:1}
    .chart .ref{stroke:var(--soft);stroke-width:1.2;stroke-dasharray:2 4}
    .chart .dots circle{fill:currentColor;opacity:.55}
    .chart .l{fill:none;stroke:currentColor;stroke-width:2.1;stroke-linejoin:round;stroke-linecap:round}
    .chart .m{fill:currentColor;stroke:var(--card);stroke-width:1}
    .chart .b{fill:currentColor;opacity:.17;stroke:none}
    .chart .f{fill:currentColor;stroke:var(--card);stroke-width:.7}
    .chart .s2 .l,.chart .s5 .l{stroke-dasharray:7 3.5}.chart .s3 .l,.chart .s6 .l{stroke-dasharray:2.2 3.6}
    .chart .s4 .l,.chart .s8 .l{stroke-dasharray:9 3 2 3}

    """ + ["s", "q", "p"].flatMap { kind in (1...8).map { ".\(kind)\($0){color:var(--\(kind)\($0))}" } }.joined()

  static let colors = ":root{\(light)}\n@media (prefers-color-scheme:dark){:root{\(dark)}}\n"

  static let page = """
    \(colors)@media print{:root{\(light)--bg:#fff}}
    *{box-sizing:border-box}
    html{scroll-behavior:smooth}
    body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;-webkit-text-size-adjust:100%}
    main,header,footer{max-width:1180px;margin:0 auto;padding:0 24px}
    header{padding-top:44px}
    h1{font-size:34px;line-height:1.15;letter-spacing:-.02em;margin:0 0 6px;font-weight:700;overflow-wrap:anywhere}
    h2{font-size:22px;letter-spacing:-.01em;margin:54px 0 4px;font-weight:700}
    h3{font-size:15.5px;margin:0 0 8px;font-weight:600}
    p{margin:6px 0 14px;max-width:78ch}
    .sub{color:var(--soft);margin:0 0 18px;max-width:none;overflow-wrap:anywhere}
    .lead{font-size:19px;line-height:1.5;max-width:70ch;margin:18px 0 10px}
    .soft,figcaption{color:var(--soft);font-size:14.5px}
    figcaption{margin:8px 0 0;line-height:1.45}
    a{color:var(--accent)}
    nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:6px 20px;padding:0;margin:20px 0 0;font-size:15px}
    nav a{text-decoration:none;border-bottom:1px solid transparent;padding:4px 0}
    nav a:hover,nav a:focus{border-color:currentColor}
    .note{background:var(--note);border-left:4px solid var(--edge);padding:10px 16px;border-radius:4px;margin:16px 0}
    .note p{margin:2px 0}
    .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(165px,1fr));gap:14px;margin:26px 0 0;padding:0;list-style:none}
    .tiles li{color:var(--soft);font-size:13.5px;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:13px 16px}
    .tiles b{display:block;color:var(--ink);margin:2px 0 0;font-size:21px;letter-spacing:-.01em;white-space:nowrap}
    .tiles small{display:block;font-size:13px}
    .pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,430px),1fr));gap:20px;margin:18px 0}
    figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px 16px 14px;min-width:0}
    .chart{display:block;width:100%;height:auto;overflow:visible}
    .pair>figure:only-child{max-width:580px}.wide{min-width:700px}.across{overflow-x:auto}
    \(drawing)
    .gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(96px,1fr));gap:14px 10px;margin:10px 0 0;padding:0;list-style:none}
    .gallery li{min-width:0}
    .gallery b{display:block;font-size:13px;font-weight:600;margin-bottom:3px}
    .gallery img{display:block;width:100%;height:auto;image-rendering:pixelated;border-radius:3px;margin-bottom:4px}
    .gallery small{display:block;color:var(--soft);font-size:12px;line-height:1.3}
    section>h3{margin-top:20px}section>figure{margin-top:18px}
    .strip{display:grid;grid-template-columns:repeat(7,1fr);gap:8px;margin:4px 0 20px;padding:0;list-style:none}
    .strip img{display:block;width:100%;height:auto;image-rendering:pixelated;border-radius:3px}
    .strip small{color:var(--soft);font-size:12px}
    .ramp{display:flex;align-items:center;gap:10px;font-size:13px;color:var(--soft);margin:12px 0 0}
    .ramp i{display:block;width:190px;height:11px;border-radius:3px;background:linear-gradient(90deg,\(ramp))}
    @media screen and (prefers-color-scheme:dark){.gallery img,.strip img,.ramp i{filter:invert(1) hue-rotate(180deg)}}
    .scroll{overflow-x:auto;margin:12px 0 0;border:1px solid var(--line);border-radius:10px;background:var(--card)}
    table{border-collapse:collapse;width:100%;font-size:13px;font-variant-numeric:tabular-nums}
    caption{text-align:left;padding:12px 14px 6px;font-weight:600;font-size:15px}
    th,td{padding:5px 9px;text-align:right;white-space:nowrap;border-top:1px solid var(--line)}
    thead th{color:var(--soft);font-weight:600;border-top:0;vertical-align:bottom}
    tbody th{font-weight:600}
    th.t,td.t{text-align:left;white-space:normal;overflow-wrap:anywhere;min-width:9em}
    tbody tr:hover{background:var(--hover)}
    .swatch{display:inline-block;width:11px;height:11px;border-radius:3px;background:currentColor;margin-right:8px}
    .hit,.miss{display:inline-block;min-width:2.6em;padding:1px 4px;border-radius:3px}
    \(levels)
    .top{outline:2px solid var(--ink)}
    .num{white-space:nowrap}.good{color:var(--s3);font-weight:700}.poor{color:var(--s2);font-weight:700}
    .facts{columns:2 320px;column-gap:40px;margin:12px 0;padding:0;font-size:14.5px;list-style:none}
    .facts li{color:var(--soft);display:flex;gap:12px;justify-content:space-between;border-bottom:1px solid var(--line);padding:4px 0;break-inside:avoid}
    .facts b{color:var(--ink);font-weight:400;text-align:right;overflow-wrap:anywhere;min-width:0}
    footer{color:var(--soft);font-size:13.5px;margin-top:56px;padding-bottom:48px}
    @media (max-width:600px){main,header,footer{padding-left:14px;padding-right:14px}h1{font-size:27px}.strip{grid-template-columns:repeat(4,1fr)}figure{padding:12px 8px;overflow-x:auto}.chart{min-width:430px}}
    @media print{
    @page{margin:13mm}
    body{font-size:10.5pt;-webkit-print-color-adjust:exact}
    header{padding-top:0}main,header,footer{max-width:none;padding:0}nav{display:none}
    h2{margin-top:22px;break-after:avoid}h3{break-after:avoid}.strip{break-inside:avoid}figure,.tiles li,tr{break-inside:avoid}
    .pair{grid-template-columns:1fr 1fr;gap:12px}figure{padding:10px}
    .gallery{grid-template-columns:repeat(10,1fr);gap:8px 6px}.gallery li{break-inside:avoid}.wide{min-width:0}
    .scroll{overflow:visible;border:0}table{font-size:7.6pt}th,td{padding:2px 4px}
    a{color:inherit;text-decoration:none}
    }
    """

  /// Shades of tables' cells, from next to nothing to full.
  private static var levels: String {
    (0...9).map { level in
      let share = 12 + 8 * level
      return ".hit.h\(level){background:color-mix(in srgb,var(--s3) \(share * 2 / 3)%,transparent)}"
        + ".miss.h\(level){background:color-mix(in srgb,var(--s2) \(share)%,transparent)}"
    }.joined(separator: "\n")
  }

  /// The heat map's colours as stops of a gradient.
  private static var ramp: String {
    stride(from: 0, through: 255, by: 15).map { index in
      let c = Heatmap.palette[index]
      return "rgb(\(c[0]) \(c[1]) \(c[2]))"
    }.joined(separator: ",")
  }
}
