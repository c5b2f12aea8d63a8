// The form of a row: what its controls hold, as texts and as values, and what is said at each of them.
import { filledIn } from "../trying.js";
import { numberOf, valueOf } from "../typed.js";

export class Row {
  // `fields` are {id, name, kind, role}; `kept` the values of columns that have no control.
  constructor(root, fields, kept) {
    this.root = root;
    this.fields = fields;
    this.kept = kept;
    this.controls = new Map(fields.map((field) => [field.name, document.getElementById(field.id)]));
  }
  get names() {
    return [...Object.keys(this.kept), ...this.controls.keys()];
  }
  get features() {
    const features = { ...this.kept };
    for (const field of this.fields) features[field.name] = valueOf(field, this.controls.get(field.name).value);
    return features;
  }
  get texts() {
    return new Map([...this.controls].map(([name, control]) => [name, control.value]));
  }
  // The controls hold these texts from now on; answers what they made of them: times lose seconds that are 0.
  fill(texts) {
    const held = filledIn(this.controls, texts);
    for (const control of this.controls.values()) this.follow(control);
    return held;
  }
  empty() {
    for (const control of this.controls.values()) control.value = "";
  }
  holds(texts) {
    return [...this.controls].every(([name, control]) => control.value === texts.get(name));
  }
  // The slider below a number and the number itself say the same.
  follow(control) {
    const slider = control.parentElement.querySelector("input[data-for='" + control.id + "']");
    const value = numberOf(control.value);
    if (slider && value !== null) slider.value = value;
  }
  slid(slider) {
    const value = Number(slider.value);
    document.getElementById(slider.dataset.for).value = Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
  }
  // Warnings and problems stand at the field they name; answers those that name none.
  note(warnings, problems) {
    const general = [];
    const notes = new Map();
    for (const warning of warnings) {
      const field = this.fields.find(({ name }) => warning.includes("“" + name + "”") || warning.includes("'" + name + "'") || warning.includes('"' + name + '"'));
      if (field) notes.set(field.name, [warning, "field-warning"]);
      else general.push(warning);
    }
    for (const { field, message } of problems) {
      const found = this.fields.find(({ name }) => field === name || field.endsWith("." + name));
      if (found) notes.set(found.name, [message, "field-problem"]);
      else general.push(message);
    }
    for (const field of this.fields) {
      const [text, kind] = notes.get(field.name) || ["", ""];
      const control = this.controls.get(field.name);
      const message = document.getElementById(field.id + "-note");
      message.textContent = text;
      message.className = "field-message " + kind;
      if (kind === "field-problem") control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    }
    return general;
  }
}
