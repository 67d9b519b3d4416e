//! `report.html` in a real browser: headless Chromium. Without one, the tests print that they are
//! skipped.
//!
//! The browser's complaints come from its console, the addresses that it asks for from its network
//! log, and what a reader would see from the page after its script has run.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cli::Folder;

/// Chromium's name on Debian, and its names elsewhere.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

const HOSTILE: &str = "participant,role,answer
p01,nurse,\"<script>document.title='owned'</script><img src=http://127.0.0.1:9/leak onerror=document.title='owned'> I never trust the schedule.\"
p01,nurse,\"\u{202e}We write the real plan\u{2066} on a whiteboard in the kitchen every single morning.\"
p02,carer,\"My phone \u{1b}[2J\u{1b}]0;owned\u{7} is always out of battery by the last visit of the day.\"
p02,\"</style></script><svg onload=document.title='owned'>\",I call the office and nobody answers before nine in the morning.
p03,planner,Every morning I rebuild the whole tour by hand before the others come in.
p03,planner,LONG is what the system calls those who can drive and those who cannot.
";

fn browser() -> Option<&'static str> {
    let found = NAMES.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok());
    if found.is_none() {
        eprintln!("skipped: no Chromium on this machine");
    }
    found
}

/// The outcome of a visit: the page after its script, the console, and every address asked for.
struct Visit {
    page: String,
    console: String,
    asked: Vec<String>,
}

fn visit(browser: &str, page: &Path, fragment: &str) -> Visit {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("net.json");
    let output = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--enable-logging=stderr", "--virtual-time-budget=4000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("--log-net-log={}", log.display()))
        .arg(format!("file://{}{fragment}", page.display()))
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    let console = stderr.lines().filter(|line| line.contains(":CONSOLE"));
    let net = fs::read_to_string(&log).unwrap_or_default();
    let asked = regex::Regex::new(r#""url":"(https?://[^"]+)""#).unwrap();
    Visit {
        page: String::from_utf8_lossy(&output.stdout).into_owned(),
        console: console.collect::<Vec<_>>().join("\n"),
        asked: asked.captures_iter(&net).map(|found| found[1].to_owned()).collect(),
    }
}

/// A finished run over hostile data, and its page.
fn page() -> (Folder, std::path::PathBuf) {
    let folder = Folder::new();
    folder.write("hostile.csv", HOSTILE.replace("LONG", &"x".repeat(10_000)).as_bytes());
    let output = folder.output(
        "generate hostile.csv --hybrid --no-frontier --model scripted:ok --seed 7 --quality-threshold 0",
    );
    assert!(output.status.success(), "{}", folder.shown(&output));
    let page = folder.run().join("report.html");
    (folder, page)
}

#[test]
fn a_browser_shows_the_report_without_a_complaint_and_asks_nobody() {
    let Some(browser) = browser() else { return };
    // A control, to show that both logs work: a page that asks for an address and breaks its own
    // policy.
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.html");
    let policy = "<meta http-equiv=Content-Security-Policy content=\"script-src 'none'\">";
    fs::write(&bad, format!("{policy}<script>1</script><img src=http://127.0.0.1:9/leak>"))
        .unwrap();
    let control = visit(browser, &bad, "");
    assert!(
        control.asked.iter().any(|url| url.contains("127.0.0.1:9/leak")),
        "{:?}",
        control.asked
    );
    assert!(control.console.contains("Content Security Policy"), "{}", control.console);

    let (_folder, page) = page();
    let visit = visit(browser, &page, "");
    assert_eq!(visit.console, "", "the console is silent");
    let ours = visit.asked.iter().filter(|url| url.contains("127.0.0.1"));
    assert_eq!(ours.count(), 0, "{:?}", visit.asked);
    assert!(visit.page.contains("3 of 3 shown"), "the script has run");
    assert!(!visit.page.contains("<title>owned"), "hostile text ran");
    // The words alone also stand in the script, so the markup before them is needed.
    let compared = "aria-live=\"polite\">They share ";
    assert!(visit.page.contains(compared), "two personas are compared");
}

#[test]
fn filters_hide_what_does_not_fit_and_the_address_keeps_them() {
    let Some(browser) = browser() else { return };
    let (_folder, page) = page();
    let shown = |fragment: &str| visit(browser, &page, fragment).page;
    assert!(shown("#?q=whiteboard").contains("1 of 3 shown"));
    assert!(shown("#?q=nobody+says+this").contains("0 of 3 shown"));
    assert!(shown("#?level=3").contains("0 of 3 shown"), "nobody has strong evidence here");
    assert!(shown("#?passed=1").contains("3 of 3 shown"));
    let twice = "aria-live=\"polite\">The same persona twice.";
    assert!(!shown("").contains(twice) && shown("#?compare=2.2").contains(twice));
}

/// A script that checks every text of the page, with everything unfolded: the contrast of its
/// colour with what lies behind it (WCAG 2.2, relative luminance) against what its size requires.
/// It leaves the texts that fall short, and the number of texts checked, in the title.
const CONTRAST: &str = r#"<script>
addEventListener("load", () => setTimeout(() => {
  document.querySelectorAll("details").forEach(d => d.open = true);
  const parse = text => {
    const n = (text.match(/-?[\d.]+(e-?\d+)?%?/g) || []).map(parseFloat);
    const [r, g, b] = text.startsWith("color(") ? n.slice(0, 3).map(x => x * 255) : n;
    return [r, g, b, n.length > 3 ? n[3] : 1];
  };
  const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
  const luminance = c => {
    const [r, g, b] = c.map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = element => {
    if (!element) return [255, 255, 255, 1];
    const own = parse(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own : over(own, ground(element.parentElement));
  };
  const opacity = e => e ? getComputedStyle(e).opacity * opacity(e.parentElement) : 1;
  const short = [];
  let seen = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    const text = walk.currentNode.data.trim();
    const range = document.createRange();
    range.selectNode(walk.currentNode);
    if (!text || !range.getClientRects().length || element.closest("script, style, svg")) continue;
    const style = getComputedStyle(element);
    if (style.visibility === "hidden" || style.clipPath !== "none") continue;
    const behind = ground(element);
    const ink = parse(style.color);
    ink[3] *= opacity(element);
    const [a, b] = [luminance(over(ink, behind)), luminance(behind)].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
    const ratio = (a + 0.05) / (b + 0.05);
    seen += 1;
    if (ratio < (large ? 3 : 4.5)) {
      short.push(ratio.toFixed(2) + " " + element.className + " " + text.slice(0, 30));
    }
  }
  document.title = "contrast: " + seen + " texts, short: " + [...new Set(short)].join(" | ") + ".";
}, 500));
</script>"#;

#[test]
fn every_text_of_the_report_stands_out_enough_by_light_by_dark_and_in_print() {
    let Some(browser) = browser() else { return };
    let (folder, page) = page();
    let html = fs::read_to_string(&page).unwrap();
    let policy = html.find("<meta http-equiv=\"Content-Security-Policy\"").expect("a policy");
    let end = policy + html[policy..].find('>').unwrap() + 1;
    let open = format!("{}{}{CONTRAST}", &html[..policy], &html[end..]);
    let dark = "@media (prefers-color-scheme: dark)";
    assert!(open.contains(dark) && open.contains("@media print"));
    // Too pale a grey on white, to show that the measurement works.
    let pale = open.replace("--soft: #5b5751", "--soft: #b0aca5");
    let looks = [
        ("light", open.clone(), true),
        ("dark", open.replace(dark, "@media all"), true),
        ("print", open.replace("@media print", "@media all"), true),
        ("pale", pale, false),
    ];
    for (look, html, good) in looks {
        let copy = folder.path().join(format!("{look}.html"));
        fs::write(&copy, html).unwrap();
        let visit = visit(browser, &copy, "");
        let (_, found) = visit.page.split_once("<title>contrast: ").expect("it was measured");
        let (found, _) = found.split_once("</title>").unwrap();
        let (texts, short) = found.split_once(" texts, short: ").unwrap();
        assert!(texts.parse::<usize>().unwrap() > 100, "{look}: {found}");
        assert_eq!(short == ".", good, "{look}: {short}");
    }
}
