// Drives the page of mail-sandbox: URL, port of SMTP, folder for screenshots.
const { execFileSync } = require("node:child_process");
const path = require("node:path");
const nodemailer = require("nodemailer");
const { chromium } = require("playwright-core");

const [url, port, folder] = process.argv.slice(2);
const mailer = nodemailer.createTransport({ host: "127.0.0.1", port: Number(port), ignoreTLS: true });

function check(holds, what) {
  if (!holds) throw new Error(what);
  console.log(`ok ${what}`);
}

const PAGE = `<!doctype html><html><head><title>x</title>
<meta http-equiv="refresh" content="0;url=http://refresh.example.net/">
<link rel="stylesheet" href="http://style.example.net/x.css">
<style>body { margin: 0; padding: 32px; font-family: sans-serif; background: #eef1f6 }
.card { max-width: 520px; margin: auto; padding: 32px; background: #fff; border-radius: 12px }
.card a { color: #2f6fed } .card .button { background: #2f6fed; color: #fff; padding: 12px 22px; border-radius: 8px }</style>
<script>document.title = "script ran"; top.scriptRan = 1; parent.postMessage("ran", "*")</script>
</head><body onload="document.title = 'script ran'">
<div class="card"><h1>Welcome, Alice</h1><p><img id="logo" src="cid:logo@mail.test" width="48" alt=""></p>
<p id="proof">Please confirm your address.</p>
<p><a class="button" href="https://example.net/confirm/42">Confirm</a></p>
<p><a id="js" href="javascript:void(document.title='script ran')">a link that is a script</a></p>
<img src="http://tracker.example.net/pixel.gif" alt=""><img src="x" onerror="document.title='script ran'" alt="">
<svg onload="document.title='script ran'"></svg>
<iframe srcdoc="<script>top.scriptRan = 1</script>"></iframe>
<form action="http://form.example.net/"><input name="a"><button id="send">Send</button></form>
<script>document.getElementById("proof").textContent = "script ran"</script></div></body></html>`;

const SVG = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><circle cx="5" cy="5" r="5" fill="#1f9d57"/></svg>`;

async function main() {
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
  try {
    for (const colorScheme of ["light", "dark"]) await run(browser, colorScheme);
  } finally {
    await browser.close();
  }
  console.log("done");
}

async function run(browser, colorScheme) {
  const context = await browser.newContext({ colorScheme, viewport: { width: 1280, height: 800 } });
  context.setDefaultTimeout(10000);
  const outside = new Set();
  const problems = [];
  context.on("request", (request) => {
    const to = request.url();
    if (!to.startsWith(url) && !to.startsWith("data:")) outside.add(to);
  });
  context.on("requestfailed", (request) => {
    // Stopped by the policy before anything was sent.
    if (request.failure().errorText === "csp") outside.delete(request.url());
  });
  const page = await context.newPage();
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("dialog", (dialog) => {
    if (dialog.message().startsWith("Delete ")) return dialog.accept();
    problems.push(`dialog: ${dialog.message()}`);
    return dialog.dismiss();
  });
  const picture = (name) => page.screenshot({ path: path.join(folder, `${name}-${colorScheme}.png`) });

  await page.goto(url);
  await page.locator("#live.on").waitFor();
  await page.locator("#empty").getByText(`smtp://127.0.0.1:${port}`).waitFor();
  await picture("empty");
  await page.evaluate(() => (window.neverReloaded = true));

  // Mail appears by itself.
  const html = { html: PAGE, text: "Welcome, Alice. https://example.net/confirm/42\n" };
  const file = { filename: 'In voice"<b>.pdf', content: Buffer.alloc(3000, 65), contentType: "application/pdf" };
  const logo = { filename: "logo.svg", content: SVG, contentType: "image/svg+xml", cid: "logo@mail.test" };
  const from = "Shop <shop@example.net>";
  await mailer.sendMail({ from: "reports@example.net", to: "bob@example.org", subject: "Your weekly report", text: "Nothing to do.\n" });
  await mailer.sendMail({ from, to: "bob@example.org", subject: "<img src=x onerror=alert(1)><script>alert(2)</script>", text: "<script>alert(3)</script>\n" });
  await mailer.sendMail({ from, to: "alice@example.org", bcc: "hidden@example.org", subject: "Grüße aus dem Laden", ...html, attachments: [logo, file] });
  const item = page.locator("#list a", { hasText: "Grüße aus dem Laden" });
  await item.waitFor();
  check((await page.locator("#list a").count()) === 3, "all messages are in the list");
  check(await page.evaluate(() => window.neverReloaded), "they appeared without a reload");
  check((await page.title()) === "(3) mail-sandbox", "the title counts them");

  // Its HTML is shown and its script does not run.
  await item.click();
  const frame = page.frameLocator(".view iframe");
  await frame.getByRole("heading", { name: "Welcome, Alice" }).waitFor();
  check((await page.locator(".view iframe").getAttribute("sandbox")).includes("allow-scripts") === false, "the frame has no scripts");
  const image = frame.locator("#logo");
  await image.evaluate((image) => image.decode());
  check((await image.evaluate((image) => image.naturalWidth)) > 0, "its own image is shown");
  const popups = [];
  page.on("popup", (popup) => popups.push(popup.url()));
  await frame.locator("#js").click();
  await frame.locator("#send").click();
  await page.waitForTimeout(500);
  check((await frame.locator("#proof").textContent()) === "Please confirm your address.", "the text is as it was sent");
  check((await page.evaluate(() => window.scriptRan)) === undefined, "no script has reached the page");
  const inner = page.frames().find((frame) => frame.url().endsWith("/html"));
  check((await inner.evaluate(() => document.title)) === "x", "no script of the mail has run");
  await picture("html");

  // The same outside of the frame, where a script would have the page's own origin.
  const direct = await context.newPage();
  const link = await page.locator(".view iframe").getAttribute("src");
  await direct.goto(new URL(link, url).href);
  await direct.waitForTimeout(300);
  check((await direct.title()) === "x", "no script runs when it is opened by itself");
  check((await direct.evaluate(() => window.origin)) === "null", "it has no origin there");
  await direct.close();
  check(outside.size === 0, `nothing is loaded from elsewhere: ${[...outside]}`);
  check(popups.every((popup) => popup === "about:blank" || popup === ""), `no window says anything: ${popups}`);

  // Everything else that is known of it.
  const tab = (name) => page.getByRole("tab", { name }).click();
  const view = page.locator(".view");
  await tab("Text");
  await view.getByText("https://example.net/confirm/42").waitFor();
  await tab("Headers");
  await view.locator("th", { hasText: "Subject" }).waitFor();
  await picture("headers");
  await tab("Source");
  await view.getByText("Content-Type: multipart/").first().waitFor();
  await picture("source");
  await tab("Attachments");
  await picture("attachments");
  const download = page.waitForEvent("download");
  await view.getByRole("link", { name: "application/pdf" }).click();
  const saved = await (await download).path();
  check(execFileSync("wc", ["-c", saved]).toString().startsWith("3000 "), "an attachment is downloaded");
  await tab("Conversation");
  await view.getByText("RCPT TO:<hidden@example.org>").first().waitFor();
  await picture("conversation");
  check(true, "text, headers, source, attachments and the conversation are shown");

  // What a stranger writes is text.
  await page.locator("#list a", { hasText: "<script>" }).click();
  await page.locator(".head h2", { hasText: "<img src=x onerror=alert(1)>" }).waitFor();
  await tab("Text");
  await view.getByText("<script>alert(3)</script>").waitFor();
  check((await page.locator("main script, main img").count()) === 0, "a hostile subject is text");

  // Searching.
  await page.locator("#search").fill("weekly reports@");
  await page.locator("#count", { hasText: "1 message" }).waitFor();
  check((await page.locator("#list a").count()) === 1, "the search finds one");
  await page.locator("#list a").click();
  await view.getByText("Nothing to do.").waitFor();
  await picture("search");
  await page.locator("#search").fill("nothing of the kind");
  await page.locator("#empty", { hasText: "Nothing is like this" }).waitFor();
  await page.locator("#search").fill("");
  await page.locator("#count", { hasText: "3 messages" }).waitFor();

  // On a telephone.
  await page.setViewportSize({ width: 400, height: 760 });
  await picture("small");
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  check(wide <= 400, `it fits on a small screen: ${wide}`);
  await page.getByRole("button", { name: "Back" }).click();
  await picture("small-list");
  await page.setViewportSize({ width: 1280, height: 800 });

  // Deleting, here and by somebody else.
  await page.locator("#list a", { hasText: "weekly" }).click();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.locator("#count", { hasText: "2 messages" }).waitFor();
  check((await page.locator("#list a", { hasText: "weekly" }).count()) === 0, "one is deleted");
  const ids = (await (await fetch(`${url}api/v1/messages`)).json()).messages.map((message) => message.id);
  await fetch(`${url}api/v1/messages/${ids[0]}`, { method: "DELETE" });
  await page.locator("#count", { hasText: "1 message" }).waitFor();
  await page.getByRole("button", { name: "Delete all" }).click();
  await page.locator("#count", { hasText: "0 messages" }).waitFor();
  check((await (await fetch(`${url}api/v1/messages`)).json()).total === 0, "all are deleted");
  check(problems.length === 0, `the page had no errors: ${problems}`);
  await context.close();
}

main().catch((error) => {
  console.log(`FAILED: ${error.message}`);
  process.exit(1);
});
