// What a browser finds on a page: node browser.mjs MODULES PAGE SHARES. MODULES has puppeteer-core and axe-core.
import fs from 'fs';
import { createRequire } from 'module';
import path from 'path';

const [modules, file, shares] = process.argv.slice(2);
const load = createRequire(path.resolve(modules, 'index.js'));
const executablePath = ['chromium', 'chromium-browser', 'google-chrome'].map((n) => '/usr/bin/' + n).find(fs.existsSync);
const browser = await load('puppeteer-core').launch({
  executablePath, args: ['--no-sandbox', '--disable-gpu', '--host-resolver-rules=MAP * ~NOTFOUND'],
});
const page = await browser.newPage();
const requests = [], errors = [];
page.on('request', (r) => /^(data|file|blob):/.test(r.url()) || requests.push(r.url()));
page.on('console', (m) => m.type() === 'error' && errors.push(m.text()));
page.on('pageerror', (e) => errors.push(String(e)));
const axe = fs.readFileSync(load.resolve('axe-core/axe.min.js'), 'utf8');
const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const found = { violations: [], overflow: [], requests, errors };

for (const width of [1200, 360]) {
  await page.setViewport({ width, height: 900 });
  await page.goto('file://' + file, { waitUntil: 'load' });
  await page.evaluate(axe);
  const seen = await page.evaluate(async (values) => {
    const result = await axe.run(document, { runOnly: values, resultTypes: ['violations'] });
    return result.violations.map((v) => [v.id, v.nodes[0].target[0]]);
  }, tags);
  found.violations.push(...seen);
  found.overflow.push(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth));
}

// The keyboard alone: each stop of the tabulator in the order of the page, each button pressed by Enter.
await page.setViewport({ width: 1200, height: 900 });
await page.goto('file://' + file);
const state = () => page.evaluate(() => {
  const node = document.activeElement;
  const all = [...document.querySelectorAll('*')];
  const pressed = node.getAttribute('aria-pressed') ?? node.closest('th')?.getAttribute('aria-sort');
  return { place: all.indexOf(node), kind: node.className || node.type || node.tagName, button: node.tagName === 'BUTTON',
    pressed, seen: node.matches(':focus-visible') };
});
found.stops = [];
for (let n = 0; n < 400; n++) {
  await page.keyboard.press('Tab');
  const stop = await state();
  if (found.stops.length && stop.place <= found.stops.at(-1).place) break;
  if (stop.button && stop.kind !== 'save') {
    await page.keyboard.press('Enter');
    stop.after = (await state()).pressed;
  }
  found.stops.push(stop);
}
found.percent = await page.evaluate((values) => values.map((v) => percent(v)), JSON.parse(shares));

// Printed on A4: 186 mm between the margins.
await page.setViewport({ width: 703, height: 1000 });
await page.emulateMediaType('print');
found.printed = await page.evaluate(() => document.documentElement.scrollWidth);
const pdf = Buffer.from(await page.pdf({ preferCSSPageSize: true })).toString('latin1');
found.pages = Math.max(...[...pdf.matchAll(/\/Count (\d+)/g)].map((m) => +m[1]));
console.log(JSON.stringify(found));
await browser.close();
