// The page: takes the inputs, calls the verifier, shows what it says. Nothing is judged here. Texts come from devices
// and files, so they are only ever textContent.
"use strict";
{
    const result = document.getElementById("result");
    const button = document.querySelector("button");
    // Which inputs an answer belongs to: an answer to earlier ones is not shown.
    let round = 0;

    const add = (parent, tag, text, field) => {
        const element = document.createElement(tag);
        if (text !== undefined) element.textContent = text;
        if (field !== undefined) element.dataset.field = field;
        parent.append(element);
        return element;
    };
    const clear = () => {
        round += 1;
        result.replaceChildren();
        result.dataset.state = "empty";
    };
    const verdict = (parent, verified, why) => {
        const line = add(parent, "p", verified ? "VERIFIED" : "NOT VERIFIED", "verdict");
        line.className = `verdict ${verified ? "good" : "bad"}`;
        add(parent, "p", why, "why");
    };
    const section = (parent, title, rows) => {
        const shown = rows.filter((cells) => cells.at(-1).text !== null);
        if (shown.length === 0) return;
        add(parent, "h3", title);
        const body = add(add(parent, "table"), "tbody");
        for (const cells of shown) {
            const row = add(body, "tr");
            cells.forEach((cell, column) => add(row, column === 0 ? "th" : "td", cell.text, cell.field));
        }
    };
    const named = (name, text, field) => [{ text: name }, { text, field }];

    // What a raw value means, where the report says so.
    const meaning = (value) => {
        if (value.text !== null) return value.text;
        if (value.svn !== null) return `security version ${value.svn}`;
        if (value.device_mode !== null) {
            return Object.entries(value.device_mode)
                .map(([name, words]) => `${name.replaceAll("_", " ")}: ${words.join(", ") || "none"}`)
                .join("; ");
        }
        return "";
    };

    const show = (report) => {
        const article = add(result, "article");
        add(article, "h2", report.target, "target");
        const fresh = report.fresh === true ? "fresh" : "freshness was not asked";
        const why = report.verified ? `by ${report.verified_by}; ${fresh}` : report.error.message;
        verdict(article, report.verified, why);
        for (const note of report.notes) add(article, "p", `note: ${note}`, "note");
        const { identity, nonces } = report;
        section(article, "Certificate chain", [
            named("subject", identity.subject, "subject"),
            named("name", identity.san.join(", ") || null, "san"),
            named("serial", identity.serial, "serial"),
            named("leaf SHA-256", report.leaf_sha256, "leaf_sha256"),
            named("root SHA-256", identity.root_sha256, "root_sha256"),
        ]);
        section(article, "Connection", [
            named("slot", report.slot === 255 ? "provisioned public key" : report.slot, "slot"),
            named("SPDM", report.version, "version"),
            ...Object.entries(report.algorithms).map(([name, value]) => named(name, value, `algorithms.${name}`)),
            named("nonce of CHALLENGE", nonces.challenge, "nonces.challenge"),
            named("nonce of GET_MEASUREMENTS", nonces.measurements, "nonces.measurements"),
            named("measurements while they were read", report.content_changed, "content_changed"),
            named("MeasurementSummaryHash", report.measurement_summary, "measurement_summary"),
        ]);
        section(article, "Checks", report.checks.map((check) => [
            { text: check.check, field: "check" },
            { text: check.status, field: "status" },
            { text: check.detail, field: "detail" },
        ]));
        const signed = report.checks.find((check) => check.check === "measurements.signature").status === "pass";
        section(article, signed ? "Measurements (signed)" : "Measurements (NOT signed)", report.measurements.map((value) => [
            { text: value.index, field: "index" },
            { text: value.type, field: "type" },
            { text: value.raw ? "raw" : "digest", field: "form" },
            { text: value.value, field: "value" },
            { text: meaning(value), field: "meaning" },
        ]));
    };

    const answer = (text) => {
        const { verified, error, notes, reports } = JSON.parse(text);
        if (error !== null) {
            verdict(result, false, `nothing could be judged: ${error}`);
        } else if (reports.length > 1) {
            const count = reports.filter((report) => report.verified).length;
            verdict(result, verified, `${count} of ${reports.length} verified`);
        }
        for (const note of notes) add(result, "p", `note: ${note}`, "note");
        reports.forEach(show);
    };

    // A text or a file, whichever was given last.
    const input = (id) => {
        const [text] = document.querySelectorAll(`#${id} textarea`);
        const [chooser] = document.querySelectorAll(`#${id} input`);
        let dropped = null;
        const file = () => dropped ?? chooser.files[0] ?? null;
        text.addEventListener("input", () => {
            dropped = null;
            chooser.value = "";
        });
        chooser.addEventListener("change", () => {
            dropped = null;
            text.value = "";
        });
        const place = document.getElementById(id);
        for (const [event, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
            place.addEventListener(event, () => place.classList.toggle("over", over));
        }
        place.addEventListener("drop", (event) => {
            if (event.dataTransfer.files.length === 0) return;
            [dropped] = event.dataTransfer.files;
            chooser.value = "";
            text.value = "";
            text.placeholder = dropped.name;
            clear();
        });
        return {
            name: () => file()?.name ?? "pasted text",
            bytes: async () => new Uint8Array(await (file() ?? new Blob([text.value])).arrayBuffer()),
        };
    };
    const evidence = input("evidence");
    const roots = input("roots");

    const stopped = (error) => {
        button.disabled = true;
        result.replaceChildren();
        verdict(result, false, `the verifier stopped, load the page again: ${error}`);
        result.dataset.state = "done";
    };
    const form = document.getElementById("inputs");
    for (const event of ["input", "change"]) form.addEventListener(event, clear);
    // A file that is dropped beside a field would be loaded in place of the page, a text belongs into a field.
    for (const event of ["dragover", "drop"]) {
        document.addEventListener(event, (dragged) => {
            if (dragged.dataTransfer.types.includes("Files")) dragged.preventDefault();
        });
    }
    form.addEventListener("submit", async (event) => {
        event.preventDefault();
        clear();
        const mine = round;
        try {
            const [file, trusted] = await Promise.all([evidence.bytes(), roots.bytes()]);
            if (mine !== round) return;
            const now = BigInt(Math.floor(Date.now() / 1000));
            answer(wasm_bindgen.verify(evidence.name(), file, trusted, document.getElementById("nonce").value, now));
            result.dataset.state = "done";
        } catch (error) {
            stopped(error);
        }
    });
    const module = Uint8Array.from(atob(MODULE), (character) => character.charCodeAt(0));
    wasm_bindgen({ module_or_path: module }).then(() => (button.disabled = false), stopped);
}
