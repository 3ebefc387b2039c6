"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const baked = $("baked") ? unpack(JSON.parse($("baked").textContent)) : null;
  const STATES = { set: "set", moved: "followed", held: "held", same: "as it was" };
  const MOST_RADIOS = 5;

  /* ---- where answers come from: the program that serves this page, or the page itself ---- */

  async function send(path, options = {}) {
    let response;
    try {
      response = await fetch(path, options);
    } catch {
      throw new Error("The program that answers has stopped. Start it again, and open the address that it prints.");
    }
    if (response.ok) return response;
    const text = await response.text();
    try {
      throw new Error(JSON.parse(text).error);
    } catch (error) {
      throw error instanceof SyntaxError ? new Error(text) : error;
    }
  }
  const get = async (path) => (await send(path)).json();
  const post = (path, content) =>
    send(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(content) });

  const server = {
    model: () => get("api/model"),
    units: (split, page) => get(`api/units?${new URLSearchParams({ split, page })}`),
    row: (label) => get(`api/row?${new URLSearchParams({ label })}`),
    answer: async (setting) => (await post("api/answer", setting)).json(),
    strip: async (setting, sweep) => (await post("api/strip", { setting, sweep })).json(),
    files: async (finds, kind) => (await post("api/finds", { finds, kind })).blob(),
    own: async (form) => (await send("api/own", { method: "POST", body: form })).json(),
  };

  /* Every picture is in the file once; answers hold its place in the list. */
  function unpack(content) {
    const swept = Object.values(content.answers).flatMap((both) => both.flatMap((each) => Object.values(each).flat()));
    for (const image of [...Object.values(content.factual), ...swept].flatMap((found) => found.images))
      for (const part of ["factual", "counterfactual", "difference", "truth"])
        if (part in image) image[part] = content.pictures[image[part]];
    return content;
  }

  const nearest = (values, value) =>
    values.reduce((best, each, place) => (Math.abs(each - value) < Math.abs(values[best] - value) ? place : best), 0);
  const bakedFrames = (setting, name) => baked.answers[setting.unit][setting.hold ? 1 : 0][name];
  const page = {
    model: async () => baked.model,
    units: async () => baked.units,
    answer: async (setting) => {
      const [name, value] = Object.entries(setting.do)[0] || [];
      if (name === undefined) return baked.factual[setting.unit];
      return bakedFrames(setting, name)[nearest(baked.values[name], value)];
    },
    strip: async (setting, name) =>
      bakedFrames(setting, name).map((found, place) => ({
        value: baked.values[name][place],
        supported: found.supported,
        pictures: found.images.map((image) => ({ name: image.name, picture: image.counterfactual })),
      })),
  };
  const backend = baked ? page : server;

  /* ---- small parts ---- */

  function make(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
      else element[name] = value;
    }
    element.append(...children);
    return element;
  }
  const picture = (url, alt) => make("img", { src: url, alt });
  const decimals = (step) => Math.max(0, Math.min(8, -Math.floor(Math.log10(step) + 1e-9)));

  function shown(attribute, value) {
    if (attribute.labels) return attribute.labels[value] ?? "?";
    return value.toFixed(decimals(attribute.step)).replace(/^-(?=0\.?0*$)/, "").replace("-", "−");
  }
  const withUnit = (attribute, value) => shown(attribute, value) + (attribute.unit ? ` ${attribute.unit}` : "");

  function described(attribute, summary) {
    const text = withUnit(attribute, summary.value);
    if (summary.share !== undefined) return `${text} (${Math.round(100 * summary.share)} % of draws)`;
    if (summary.low === undefined) return text;
    return `${text} (${shown(attribute, summary.low)} to ${shown(attribute, summary.high)})`;
  }

  function complain(error) {
    $("alert").textContent = error ? error.message : "";
    $("alert").hidden = !error;
  }

  /* Buttons of which one is chosen, as radio buttons: one stop of the tab key, arrows move. */
  function radios(container, entries, choose) {
    container.setAttribute("role", "radiogroup");
    const buttons = entries.map(({ content, label, checked, outside }, place) => {
      const button = make("button", { type: "button", role: "radio", "aria-label": label, title: label }, ...content);
      button.classList.toggle("outside", Boolean(outside));
      button.addEventListener("click", () => choose(place));
      return button;
    });
    const mark = (chosen) =>
      buttons.forEach((button, place) => {
        button.setAttribute("aria-checked", String(place === chosen));
        button.tabIndex = place === Math.max(chosen, 0) ? 0 : -1;
      });
    const start = entries.findIndex((entry) => entry.checked);
    container.onkeydown = (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const place = buttons.indexOf(document.activeElement);
      if (!step || place < 0) return;
      event.preventDefault();
      const other = (place + step + buttons.length) % buttons.length;
      buttons[other].focus();
      buttons[other].click();
    };
    container.replaceChildren(...buttons);
    mark(start);
    return mark;
  }

  /* ---- the state of the page ---- */

  let model, listed = [], markUnit = () => {}, answer = null;
  const state = { split: "", page: 0, unit: null, complete: true, do: new Map(), hold: false, draws: 1 };
  const rows = new Map(); // the parts of every attribute's input, by name
  const find = (name) => model.attributes.find((attribute) => attribute.name === name);
  const setting = () => ({ unit: state.unit, do: Object.fromEntries(state.do), hold: state.hold, draws: state.draws });

  /* ---- units ---- */

  async function list(page) {
    const count = model.splits.find((split) => split.name === state.split).count;
    const pages = Math.max(1, Math.ceil(count / model.page));
    state.page = Math.min(Math.max(page, 0), pages - 1);
    listed = await backend.units(state.split, state.page);
    $("page").textContent = `page ${state.page + 1} of ${pages}`;
    $("back").disabled = state.page === 0;
    $("next").disabled = state.page === pages - 1;
    $("pages").hidden = pages === 1;
    $("units").classList.toggle("plain", !model.images.length);
    const entries = listed.map((unit) => ({
      content: [...(unit.picture ? [picture(unit.picture, "")] : []), unit.picture ? unit.label : `${unit.label}: ${unit.attributes}`],
      label: `Row ${unit.label}: ${unit.attributes}`,
      checked: unit.key === state.unit,
    }));
    markUnit = radios($("units"), entries, (place) => choose(listed[place]));
  }

  function choose(unit) {
    const stays = (unit.complete ?? true) === state.complete;
    state.unit = unit.key;
    state.complete = unit.complete ?? true;
    if (!stays) fillDraws();
    markUnit(listed.findIndex((each) => each.key === unit.key));
    return refresh();
  }

  function fillDraws() {
    const allowed = state.complete ? model.draws : model.draws_to_infer;
    $("draw-count").replaceChildren(...allowed.map((count) => make("option", { value: count }, String(count))));
    state.draws = state.complete ? 1 : 16;
    $("draw-count").value = String(state.draws);
    $("draw-choice").hidden = allowed.length < 2 || Boolean(baked);
  }

  /* ---- attributes ---- */

  function set(name, value) {
    if (baked) {
      value = baked.values[name][nearest(baked.values[name], value)];
      for (const other of state.do.keys()) if (other !== name) state.do.delete(other);
    }
    state.do.set(name, value);
    refresh();
  }

  function follow(name) {
    state.do.delete(name);
    refresh();
  }

  function buildInput(attribute, number) {
    const id = `attribute-${number}`;
    const state_ = make("span", { className: "mark" });
    const free = make("button", { type: "button", hidden: true, "aria-label": `Let ${attribute.name} follow again` }, "let it follow");
    const note = make("p", { className: "note" });
    const top = make("div", { className: "top" });
    const box = make("div", { className: "attribute", role: "group", "aria-labelledby": `${id}-name` }, top);
    const name = make("span", { className: "name", id: `${id}-name` }, attribute.name);
    top.append(name, ...(attribute.unit ? [make("span", { className: "unit" }, attribute.unit)] : []), state_, free);
    const parts = { box, state: state_, free, note, write: () => {}, invalid: () => {} };
    free.addEventListener("click", () => {
      follow(attribute.name);
      box.querySelector("input, select").focus();
    });
    if (!attribute.labels) buildSlider(attribute, parts);
    else if (attribute.labels.length <= MOST_RADIOS) buildRadios(attribute, parts, id);
    else buildSelect(attribute, parts);
    box.append(note);
    rows.set(attribute.name, parts);
    return box;
  }

  function buildSlider(attribute, parts) {
    const { name, low, high, step, unit } = attribute;
    const label = unit ? `${name}, ${unit}` : name;
    const slider = make("input", { type: "range", min: low, max: high, step, "aria-label": label });
    const number = make("input", { type: "number", step: "any", "aria-label": `${label}, as a number`, inputMode: "decimal" });
    slider.addEventListener("input", () => set(name, Number(slider.value)));
    number.addEventListener("change", () => {
      if (number.value.trim() === "" || !Number.isFinite(Number(number.value))) return follow(name);
      slider.value = number.value;
      set(name, Number(number.value));
    });
    parts.write = (value, isSet) => {
      if (!isSet || document.activeElement !== slider) slider.value = value;
      slider.setAttribute("aria-valuetext", withUnit(attribute, value));
      if (document.activeElement !== number) number.value = shown(attribute, value).replace("−", "-");
    };
    parts.invalid = (bad) => number.setAttribute("aria-invalid", String(bad));
    if (baked) {
      slider.step = (high - low) / (baked.values[name].length - 1);
      number.readOnly = true;
    }
    parts.box.append(make("div", { className: "slide" }, slider, number));
  }

  function buildRadios(attribute, parts, id) {
    const inputs = attribute.labels.map((label, code) => {
      const input = make("input", { type: "radio", name: id, value: code });
      input.addEventListener("change", () => set(attribute.name, code));
      return input;
    });
    const labels = inputs.map((input, code) => make("label", {}, input, ` ${attribute.labels[code]}`));
    parts.write = (value) => inputs.forEach((input, code) => (input.checked = code === value));
    parts.box.append(make("div", { className: "choices", role: "radiogroup", "aria-labelledby": `${id}-name` }, ...labels));
  }

  function buildSelect(attribute, parts) {
    const options = attribute.labels.map((label, code) => make("option", { value: code, disabled: Boolean(baked) && !baked.values[attribute.name].includes(code) }, label));
    const select = make("select", { "aria-label": attribute.name }, ...options);
    select.addEventListener("change", () => set(attribute.name, Number(select.value)));
    parts.write = (value) => (select.value = String(value));
    parts.box.append(make("div", { className: "slide" }, select));
  }

  function showAttributes() {
    for (const [name, parts] of rows) {
      const found = answer.attributes.find((each) => each.name === name);
      parts.box.hidden = !found;
      if (!found) continue;
      const attribute = find(name);
      parts.box.className = `attribute ${found.state}`;
      parts.state.className = `mark ${found.state}`;
      parts.state.textContent = STATES[found.state];
      parts.free.hidden = found.state !== "set";
      parts.invalid(false);
      parts.write(found.counterfactual.value, found.state === "set");
      const said = [];
      if (found.state === "set" || found.state === "moved") said.push(`was ${described(attribute, found.factual)}`);
      if (found.state === "moved" && found.counterfactual.low !== undefined) said.push(`now ${described(attribute, found.counterfactual)}`);
      if (found.state === "same" && (found.factual.low ?? found.factual.share) !== undefined) said.push(described(attribute, found.factual));
      if (found.state === "moved" && found.truth !== undefined) said.push(`truly ${withUnit(attribute, found.truth)}`);
      parts.note.textContent = said.join("; ");
    }
  }

  /* ---- pictures ---- */

  function showPictures() {
    const sets = answer.images.map((image) => {
      const { limit, height } = model.images.find((each) => each.name === image.name);
      const several = answer.images.length > 1 ? `${image.name}: ` : "";
      const asked = state.do.size > 0;
      const size = (value) => (limit >= 10 ? value.toFixed(1) : value.toPrecision(2));
      const figures = [
        [image.factual, `${several}factual`, "", `Factual ${image.name}`],
        [image.counterfactual, `${several}counterfactual`, answer.draws > 1 ? ` (mean of ${answer.draws} draws)` : "", `Counterfactual ${image.name} under ${answer.title}`],
        [image.difference, "difference", asked ? ` (mean ${size(image.mean)}, redrawing included)` : "", `Difference of ${image.name}: on average ${size(image.mean)}, at most ${size(image.largest)}`],
        ...(image.truth && asked ? [[image.truth, "the truth", "", `True counterfactual ${image.name}`]] : []),
      ];
      const shots = figures.map(([url, title, more, alt], place) => {
        const img = picture(url, alt);
        img.classList.toggle("answered", place === 1);
        img.style.imageRendering = height > 200 ? "auto" : "";
        return make("figure", {}, img, make("figcaption", {}, several ? title : title[0].toUpperCase() + title.slice(1), make("span", { className: "more" }, more)));
      });
      return make("div", { className: answer.supported < 1 ? "shot outside" : "shot" }, ...shots);
    });
    $("pictures").replaceChildren(...sets);
    const drawn = answer.images.filter((image) => image.draws);
    $("draws").hidden = !drawn.length;
    $("draw-pictures").replaceChildren(
      ...drawn.flatMap((image) =>
        image.draws.map((url, place) => make("span", { className: "still" }, picture(url, `Draw ${place + 1} of ${image.name}`))),
      ),
    );
  }

  function showAnswer() {
    $("answer-title").textContent = state.complete ? `Row ${answer.unit}` : answer.unit;
    $("title").textContent = state.do.size ? answer.title : "as observed";
    const outside = answer.supported < 1;
    $("support").className = outside ? "outside" : "";
    const share = answer.supported === 0 ? "" : `${Math.round(100 * (1 - answer.supported))} % of the draws are `;
    const text = `⚠ ${share}outside the joint range of training: extrapolated`;
    $("support").textContent = outside ? text : state.do.size ? "within the joint range of training" : "";
    $("notes").replaceChildren(...answer.notes.map((note) => make("li", {}, note)));
    showPictures();
    showAttributes();
    showGraph();
  }

  /* ---- the graph ---- */

  const SVG = "http://www.w3.org/2000/svg";
  function draw(tag, attributes, ...children) {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  function curve(points) {
    let path = `M${points[0].join(" ")}`;
    for (let place = 1; place < points.length; place += 1) {
      const [[x0, y0], [x1, y1]] = [points[place - 1], points[place]];
      const middle = (y0 + y1) / 2;
      path += x0 === x1 ? `L${x1} ${y1}` : `C${x0} ${middle} ${x1} ${middle} ${x1} ${y1}`;
    }
    return path;
  }

  const cutName = (name) => (name.length > 22 ? `${name.slice(0, 21)}…` : name);

  function showGraph() {
    const { width, height, nodes, edges } = model.graph;
    const states = new Map(answer.attributes.map((each) => [each.name, each.state]));
    for (const image of answer.images) states.set(image.name, image.mean > 0 ? "moved" : "same");
    const said = nodes.map((node) => `${node.name} ${STATES[states.get(node.name)] || "left out"}`).join(", ");
    const head = draw("path", { d: "M0 0L8 4L0 8z", class: "head" });
    const marker = draw("marker", { id: "head", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 8, markerHeight: 8, orient: "auto", markerUnits: "userSpaceOnUse" }, head);
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Causal graph: ${said}` }, draw("defs", {}, marker));
    svg.style.maxWidth = `${1.3 * width}px`;
    for (const edge of edges) {
      const cut = ["set", "held"].includes(states.get(edge.effect));
      svg.append(draw("path", { d: curve(edge.points), class: cut ? "edge cut" : "edge", ...(cut ? {} : { "marker-end": "url(#head)" }) }));
    }
    for (const node of nodes) svg.append(drawNode(node, states.get(node.name)));
    $("graph").replaceChildren(svg);
  }

  function drawNode(node, nodeState) {
    const [[x, y], [width, height]] = [node.centre, node.size];
    const group = draw("g", { class: nodeState || "same" }, draw("title", {}, node.name));
    group.append(draw("rect", { x: x - width / 2, y: y - height / 2, width, height, rx: node.image ? 0 : 9, class: "box" }));
    const name = nodeState === "set" ? `do(${node.name})` : node.name;
    const found = answer.attributes.find((each) => each.name === node.name);
    const image = answer.images.find((each) => each.name === node.name);
    const top = y - height / 2;
    if (image) {
      group.append(draw("image", { href: image.counterfactual, x: x - 28, y: top + 7, width: 56, height: 56 }));
      group.append(draw("text", { x, y: top + 82 }, cutName(name)));
    } else {
      group.append(draw("text", { x, y: found ? y - 3 : y + 4 }, cutName(name)));
    }
    if (found) {
      const value = withUnit(find(node.name), found.counterfactual.value);
      group.append(draw("text", { x, y: y + 14, class: "value" }, cutName(value)));
    }
    return group;
  }

  /* ---- asking: one question at a time, and always the newest ---- */

  let asking = false, again = false, later = 0;
  async function refresh() {
    again = true;
    if (asking || !state.unit) return;
    asking = true;
    while (again) {
      again = false;
      const asked = setting();
      try {
        const found = await backend.answer(asked);
        if (asked.unit !== state.unit) continue;
        answer = found;
        showAnswer();
        complain(null);
      } catch (error) {
        complain(error);
        for (const name of Object.keys(asked.do)) rows.get(name)?.invalid(true);
      }
    }
    asking = false;
    clearTimeout(later);
    later = setTimeout(showStrip, 250);
  }

  let strips = 0;
  async function showStrip() {
    const sweep = find($("sweep").value);
    if (!sweep || !answer || !state.unit) return;
    const number = (strips += 1);
    try {
      const frames = await backend.strip(setting(), sweep.name);
      if (number !== strips) return;
      const current = frames.findIndex((frame) => frame.value === state.do.get(sweep.name));
      const entries = frames.map((frame, place) => ({
        content: [...frame.pictures.map((each) => picture(each.picture, "")), (frame.supported < 1 ? "⚠ " : "") + shown(sweep, frame.value)],
        label: `${sweep.name} ${withUnit(sweep, frame.value)}` + (frame.supported < 1 ? ", outside the joint range of training" : ""),
        checked: place === current,
        outside: frame.supported < 1,
      }));
      $("frames").setAttribute("aria-label", `Values of ${sweep.name}`);
      const hadFocus = $("frames").contains(document.activeElement);
      radios($("frames"), entries, (place) => set(sweep.name, frames[place].value));
      if (hadFocus) $("frames").querySelector("[tabindex='0']")?.focus();
    } catch (error) {
      complain(error);
    }
  }

  /* ---- finds ---- */

  let finds = [];
  const shelf = () => `causalgen ${model.run}`;
  function keepFinds() {
    try {
      sessionStorage.setItem(shelf(), JSON.stringify(finds));
    } catch {
      /* without room or permission the finds last until the page is left */
    }
    showFinds();
  }

  function showFinds() {
    $("saving").hidden = !finds.length;
    $("no-finds").hidden = Boolean(finds.length);
    $("finds").replaceChildren(
      ...finds.map((each, place) => {
        const again_ = make("button", { type: "button", className: "again" }, each.title);
        again_.addEventListener("click", () => recall(each));
        const remove = make("button", { type: "button", "aria-label": `Remove find ${place + 1}` }, "✕");
        remove.addEventListener("click", () => {
          finds.splice(place, 1);
          keepFinds();
          $("keep").focus();
        });
        return make("li", {}, ...(each.picture ? [picture(each.picture, "")] : []), make("div", { className: "what" }, again_, each.unit), remove);
      }),
    );
  }

  function recall(kept) {
    state.do = new Map(Object.entries(kept.setting.do));
    state.hold = kept.setting.hold;
    document.querySelector(`input[name=hold][value="${state.hold ? 1 : ""}"]`).checked = true;
    state.unit = kept.setting.unit;
    state.complete = kept.complete;
    fillDraws();
    state.draws = kept.setting.draws;
    $("draw-count").value = String(state.draws);
    markUnit(listed.findIndex((each) => each.key === state.unit));
    refresh();
  }

  async function save(kind) {
    try {
      const blob = await backend.files(finds.map((each) => each.setting), kind);
      const link = make("a", { href: URL.createObjectURL(blob), download: `finds.${kind}` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
      complain(null);
    } catch (error) {
      complain(error);
    }
  }

  /* ---- the user's own image ---- */

  function buildUpload() {
    $("own").hidden = !model.images.length;
    $("files").replaceChildren(
      ...model.images.map((image, place) => {
        const input = make("input", { type: "file", id: `image-${place}`, accept: "image/*,.tif,.tiff,.dcm,.nii,.nii.gz,.npy" });
        const drop = make("div", { className: "drop" }, make("label", {}, `${image.name}, ${image.height} × ${image.width} pixels: choose a file or drop one here`, input));
        for (const kind of ["dragenter", "dragover", "dragleave", "drop"])
          drop.addEventListener(kind, (event) => {
            event.preventDefault();
            drop.classList.toggle("over", kind === "dragenter" || kind === "dragover");
            if (kind === "drop" && event.dataTransfer.files.length) input.files = event.dataTransfer.files;
          });
        return drop;
      }),
    );
    $("given").replaceChildren(
      ...model.attributes.map((attribute) => {
        const input = attribute.labels
          ? make("select", {}, make("option", { value: "" }, ""), ...attribute.labels.map((label) => make("option", { value: label }, label)))
          : make("input", { inputMode: "decimal", autocomplete: "off" });
        input.dataset.name = attribute.name;
        return make("label", {}, attribute.name + (attribute.unit ? ` [${attribute.unit}]` : ""), input);
      }),
    );
  }

  async function upload(event) {
    event.preventDefault();
    const form = new FormData();
    let any = false;
    model.images.forEach((image, place) => {
      const file = $(`image-${place}`).files[0];
      if (!file) return;
      any = true;
      form.append(`image-${place}`, file, file.name);
    });
    if (!any) return complain(new Error("Expected an image file. Choose one, or drop one on the field."));
    const texts = [...$("given").querySelectorAll("input, select")].filter((input) => input.value.trim());
    form.append("attributes", JSON.stringify(Object.fromEntries(texts.map((input) => [input.dataset.name, input.value]))));
    $("send").disabled = true;
    $("send").textContent = "Reading …";
    try {
      const unit = await backend.own(form);
      state.do.clear();
      state.complete = null; // the choice of draws is filled anew
      await choose(unit);
      $("answer").scrollIntoView({ block: "nearest" });
    } catch (error) {
      complain(error);
    } finally {
      $("send").disabled = false;
      $("send").textContent = "Use this image";
    }
  }

  /* ---- start ---- */

  function fill() {
    document.title = `${model.name}: causalgen explore`;
    $("name").textContent = model.name;
    $("question").textContent = model.question || "";
    $("split").replaceChildren(...model.splits.map((split) => make("option", { value: split.name }, `${split.name} (${split.count})`)));
    $("split").value = state.split = model.split;
    $("inputs").replaceChildren(...model.attributes.map(buildInput));
    $("sweep").replaceChildren(...model.attributes.map((attribute) => make("option", { value: attribute.name }, attribute.name)));
    const limits = model.images.map((image) => image.limit);
    const same = limits.every((limit) => limit === limits[0]);
    const named = same ? limits.slice(0, 1) : model.images.map((image) => `${image.limit} (${image.name})`);
    $("scale").textContent = limits.length ? `The strongest colours stand for ${named.join(", ")} or more.` : "";
    $("baked-note").hidden = !baked;
    const numbers = model.attributes.filter((attribute) => !attribute.labels);
    const causes = new Set(model.graph.edges.filter((edge) => model.images.some((image) => image.name === edge.effect)).map((edge) => edge.cause));
    const first = numbers.find((attribute) => causes.has(attribute.name)) || numbers[0];
    if (first) $("sweep").value = first.name;
    for (const id of ["listing", "own", "gallery"]) $(id).hidden = Boolean(baked);
    fillDraws();
  }

  function listen() {
    const guarded = (work) => (event) => Promise.resolve(work(event)).catch(complain);
    $("split").addEventListener("change", guarded(() => ((state.split = $("split").value), list(0))));
    $("back").addEventListener("click", guarded(() => list(state.page - 1)));
    $("next").addEventListener("click", guarded(() => list(state.page + 1)));
    $("go").addEventListener("submit", (event) => {
      event.preventDefault();
      backend.row($("row").value).then(choose).catch(complain);
    });
    $("reset").addEventListener("click", () => (state.do.clear(), refresh()));
    $("effect").addEventListener("change", (event) => ((state.hold = Boolean(event.target.value)), refresh()));
    $("draw-count").addEventListener("change", () => ((state.draws = Number($("draw-count").value)), refresh()));
    $("sweep").addEventListener("change", showStrip);
    $("upload").addEventListener("submit", upload);
    $("keep").addEventListener("click", () => {
      if (!answer) return;
      finds.push({ setting: setting(), complete: state.complete, title: $("title").textContent, unit: $("answer-title").textContent, picture: answer.images[0]?.counterfactual });
      keepFinds();
    });
    for (const button of $("saving").querySelectorAll("button")) button.addEventListener("click", () => save(button.dataset.kind));
  }

  async function start() {
    if (!baked) history.replaceState(null, "", location.pathname);
    model = await backend.model();
    fill();
    listen();
    if (!baked) {
      buildUpload();
      try {
        finds = JSON.parse(sessionStorage.getItem(shelf())) || [];
      } catch {
        finds = [];
      }
      showFinds();
    }
    await list(0);
    if (listed.length) await choose(listed[0]);
  }
  start().catch(complain);
})();
