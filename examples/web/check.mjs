// What examples/web/check runs: the page in headless Chromium, driven over a pipe (DevTools protocol), beside the
// answers of the command. node check.mjs PAGE SPDM CORPUS FOLDER
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [page, spdm, corpus, folder] = process.argv.slice(2);

// --- Chromium

const options = ["--headless=new", "--remote-debugging-pipe", "--no-first-run", `--user-data-dir=${join(folder, "profile")}`];
// As root, as in most containers, Chromium has no sandbox.
if (process.getuid() === 0) options.push("--no-sandbox");
const chromium = spawn(process.env.CHROMIUM ?? "chromium", options, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
chromium.on("error", (error) => {
    throw error;
});
let session;
let sent = 0;
const waiting = new Map();
const requests = [];
const loaded = [];
let received = "";
chromium.stdio[4].setEncoding("utf8").on("data", (text) => {
    const messages = (received + text).split("\0");
    received = messages.pop();
    for (const { id, method, params, result, error } of messages.map((message) => JSON.parse(message))) {
        if (method === "Network.requestWillBeSent") requests.push(params.request.url);
        if (method === "Page.loadEventFired") loaded.splice(0).forEach((done) => done());
        if (id === undefined) continue;
        const { resolve, reject } = waiting.get(id);
        waiting.delete(id);
        if (error) reject(new Error(error.message));
        else resolve(result);
    }
});
const call = (method, params = {}) => {
    sent += 1;
    chromium.stdio[3].write(JSON.stringify({ id: sent, method, params, sessionId: session }) + "\0");
    return new Promise((resolve, reject) => waiting.set(sent, { resolve, reject }));
};
// A function that runs in the page.
const inPage = async (what, ...given) => {
    const expression = `(${what})(...${JSON.stringify(given)})`;
    const { result, exceptionDetails } = await call("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    assert.equal(exceptionDetails, undefined, exceptionDetails?.exception?.description);
    return result.value;
};
const open = async () => {
    const load = new Promise((done) => loaded.push(done));
    await call("Page.navigate", { url: pathToFileURL(page).href });
    await load;
    await inPage(async () => {
        while (document.querySelector("button").disabled) await new Promise((later) => setTimeout(later, 10));
    });
};

// --- The page

const give = (place, text) =>
    inPage((selector, value) => {
        const field = document.querySelector(selector);
        field.value = value;
        field.dispatchEvent(new Event("input", { bubbles: true }));
    }, place, text);
const choose = async (place, file) => {
    const { root } = await call("DOM.getDocument");
    const { nodeId } = await call("DOM.querySelector", { nodeId: root.nodeId, selector: `${place} input` });
    await call("DOM.setFileInputFiles", { nodeId, files: [file] });
};
// What a person reads: each report's fields, and what stands in front of the reports.
const pressed = () =>
    inPage(async () => {
        document.querySelector("button").click();
        const result = document.getElementById("result");
        while (result.dataset.state !== "done") await new Promise((later) => setTimeout(later, 10));
        const texts = (parent, field) => [...parent.querySelectorAll(`[data-field="${field}"]`)].map((cell) => cell.innerText);
        const reports = [...result.querySelectorAll("article")].map((article) => {
            const names = new Set([...article.querySelectorAll("[data-field]")].map((cell) => cell.dataset.field));
            return Object.fromEntries([...names].map((name) => [name, texts(article, name)]));
        });
        const front = [...result.querySelectorAll(":scope > [data-field]")].map((line) => line.innerText);
        return { front, reports, text: result.innerText };
    });

// --- The command

// The file is one of the folder: the page does not know where a file lies.
const command = (file, ...rest) => {
    let out;
    try {
        out = execFileSync(spdm, ["verify", "--json", file, ...rest], { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    } catch (error) {
        out = error.stdout;
    }
    return out.trim().split("\n").map((line) => JSON.parse(line));
};
const words = { challenge: "CHALLENGE", measurements: "signed MEASUREMENTS" };
// The fields that the page must show for a report of the command.
const expected = (report) => {
    const all = (values) => (values.length > 0 ? values.map(String) : undefined);
    const one = (value) => (value === null || value === undefined ? undefined : [String(value)]);
    const fields = {
        target: one(report.target),
        verdict: one(report.verified ? "VERIFIED" : "NOT VERIFIED"),
        note: all(report.notes.map((note) => `note: ${note}`)),
        subject: one(report.identity.subject),
        san: one(report.identity.san.join(", ") || null),
        serial: one(report.identity.serial),
        leaf_sha256: one(report.leaf_sha256),
        root_sha256: one(report.identity.root_sha256),
        slot: one(report.slot),
        version: one(report.version),
        "nonces.challenge": one(report.nonces.challenge),
        "nonces.measurements": one(report.nonces.measurements),
        content_changed: one(report.content_changed),
        measurement_summary: one(report.measurement_summary),
        check: all(report.checks.map((check) => check.check)),
        status: all(report.checks.map((check) => check.status)),
        detail: all(report.checks.map((check) => check.detail)),
        index: all(report.measurements.map((value) => value.index)),
        type: all(report.measurements.map((value) => value.type)),
        value: all(report.measurements.map((value) => value.value)),
    };
    for (const [name, value] of Object.entries(report.algorithms)) fields[`algorithms.${name}`] = one(value);
    return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
};
const same = (shown, reports) => {
    assert.equal(shown.reports.length, reports.length);
    reports.forEach((report, index) => {
        const { form, meaning, why, ...fields } = shown.reports[index];
        const right = expected(report);
        assert.deepEqual(Object.keys(fields).sort(), Object.keys(right).sort());
        for (const [name, value] of Object.entries(right)) assert.deepEqual(fields[name], value, `${report.target}: ${name}`);
        if (report.verified) {
            const signed = report.basis.signatures.map((signature) => words[signature]).join(" and ");
            assert.match(why[0], new RegExp(`^by ${signed}`));
            assert.equal(why[0].includes("the negotiation is not signed"), report.basis.negotiation === "unsigned");
        } else {
            assert.deepEqual(why, [report.error.message]);
        }
    });
};

// --- What must hold

const text = readFileSync(join(corpus, "nvidia/gpu_evidence.json"), "utf8");
const devices = JSON.parse(text);
const chain = Buffer.from(devices[0].certificate, "base64").toString().match(/-----BEGIN[^]*?-----END CERTIFICATE-----/g);
const root = join(folder, "root.pem");
writeFileSync(root, chain.at(-1) + "\n");
// The file that the command reads is named as the page names a text.
const pasted = "pasted text";
const both = async (evidence, roots, ...rest) => {
    writeFileSync(join(folder, pasted), evidence);
    await give("#evidence textarea", evidence);
    await give("#roots textarea", roots);
    const shown = await pressed();
    const reports = command(pasted, ...rest);
    same(shown, reports);
    return { shown, reports };
};
const pem = readFileSync(root, "utf8");
const checks = {
    async "three H100, pasted"() {
        const { shown, reports } = await both(text, pem, "--trust", root);
        assert.deepEqual(reports.map((report) => report.verified), [true, true, true]);
        assert.deepEqual(shown.front, ["VERIFIED", "3 of 3 verified"]);
    },
    async "another input takes the verdict away"() {
        await give("#nonce", "00");
        assert.equal(await inPage(() => document.getElementById("result").innerText), "");
        await give("#nonce", "");
    },
    async "one byte flipped"() {
        for (const at of [5, 60, 900, -1]) {
            const evidence = Buffer.from(devices[1].evidence, "base64");
            evidence[at < 0 ? evidence.length + at : at] ^= 1;
            const changed = [devices[0], { ...devices[1], evidence: evidence.toString("base64") }, devices[2]];
            const { shown, reports } = await both(JSON.stringify(changed), pem, "--trust", root);
            assert.deepEqual(reports.map((report) => report.verified), [true, false, true]);
            assert.deepEqual(shown.front, ["NOT VERIFIED", "2 of 3 verified"]);
        }
    },
    async "no roots, then the digest of the root"() {
        const { shown } = await both(text, "");
        assert.deepEqual(shown.front, ["NOT VERIFIED", "0 of 3 verified"]);
        const [digest] = shown.reports[0].root_sha256;
        assert.ok(shown.reports[0].why[0].includes(digest));
        const pinned = await both(text, digest, "--trust-root-hash", digest);
        assert.deepEqual(pinned.shown.front, ["VERIFIED", "3 of 3 verified"]);
    },
    async "a nonce"() {
        for (const [nonce, front] of [[devices[0].nonce, "VERIFIED"], ["00".repeat(32), "NOT VERIFIED"]]) {
            await give("#nonce", nonce);
            const { shown } = await both(text, pem, "--trust", root, "--nonce", nonce);
            assert.equal(shown.front[0], front);
        }
        await give("#nonce", "12");
        assert.match((await pressed()).text, /^NOT VERIFIED\s+nothing could be judged: nonce: /);
        await give("#nonce", "");
    },
    async "the browser's clock"() {
        await inPage(() => {
            window.now = Date.now;
            Date.now = () => Date.UTC(2001, 0, 1);
        });
        const { shown } = await both(text, pem, "--trust", root, "--at", "2001-01-01T00:00:00Z");
        assert.equal(shown.front[0], "NOT VERIFIED");
        await inPage(() => {
            Date.now = window.now;
        });
    },
    async "what is no evidence"() {
        await give("#evidence textarea", "no evidence");
        writeFileSync(join(folder, pasted), "no evidence");
        const shown = await pressed();
        const [{ error }] = command(pasted, "--trust", root);
        assert.deepEqual(shown.front, ["NOT VERIFIED", `nothing could be judged: ${error.message}`]);
        await give("#evidence textarea", text);
        await give("#roots textarea", "no root");
        assert.match((await pressed()).text, /^NOT VERIFIED\s+nothing could be judged: trusted roots: /);
    },
    // A device whose certificate has markup for a name, and a file that has, too.
    async "names that are HTML"() {
        const hostile = "<img src=x onerror=hostile()>.json";
        await choose("#evidence", join(folder, hostile));
        await choose("#roots", join(folder, "hostile.pem"));
        const shown = await pressed();
        const reports = command(hostile, "--trust", "hostile.pem");
        same(shown, reports);
        assert.equal(reports[0].verified, true);
        assert.match(shown.reports[0].san[0], /<img src=x onerror=hostile\(\)>/);
        assert.match(shown.reports[0].target[0], /<img src=x onerror=hostile\(\)>/);
        assert.equal(await inPage(() => document.querySelectorAll("img, #result script").length), 0);
    },
    async "no text becomes HTML, nothing is loaded"() {
        assert.match(await inPage(() => {
            try {
                document.getElementById("result").innerHTML = "<b>";
                return "taken";
            } catch (error) {
                return String(error);
            }
        }), /TrustedHTML/);
        assert.equal(await inPage(async () => {
            const violated = new Promise((seen) => document.addEventListener("securitypolicyviolation", (event) => seen(event.effectiveDirective)));
            fetch("https://localhost/").catch(() => {});
            return violated;
        }), "connect-src");
        assert.deepEqual(requests.filter((url) => url !== pathToFileURL(page).href), []);
    },
};

try {
    const { targetId } = await call("Target.createTarget", { url: "about:blank" });
    ({ sessionId: session } = await call("Target.attachToTarget", { targetId, flatten: true }));
    for (const domain of ["Page", "Network", "DOM", "Runtime"]) await call(`${domain}.enable`);
    await open();
    for (const [name, check] of Object.entries(checks)) {
        await check();
        console.log(`ok: ${name}`);
    }
} finally {
    session = undefined;
    const ended = once(chromium, "exit");
    call("Browser.close").catch(() => {});
    await ended;
}
