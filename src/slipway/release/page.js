// The gallery of mistakes: filters, copying a name, and the list as CSV. Everything shown is already on the page.
"use strict";
const COLUMNS = ["path", "label", "predicted", "baseline", "group", "certainty", "why"];

function cell(text) {
  // A spreadsheet would run a text that begins like a formula; numbers stay numbers.
  const safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.body.appendChild(document.createElement("textarea"));
  area.value = text;
  area.select();
  document.execCommand("copy");
  area.remove();
}

for (const gallery of document.querySelectorAll(".gallery")) {
  const cards = [...gallery.querySelectorAll(".card")];
  const filters = [...gallery.querySelectorAll("select")];
  const shown = () => cards.filter((card) => !card.hidden);

  function filter() {
    for (const card of cards)
      card.hidden = filters.some((one) => one.value !== "" && card.dataset[one.name] !== one.value);
    gallery.querySelector("output").textContent = `${shown().length} of ${cards.length}`;
  }

  for (const one of filters) {
    for (const value of [...new Set(cards.map((card) => card.dataset[one.name]))].sort())
      if (value) one.add(new Option(value, value));
    one.hidden = one.options.length < 3;
    one.addEventListener("change", filter);
  }
  filter();

  gallery.addEventListener("click", async (event) => {
    event.target.closest(".card > svg")?.parentElement.classList.toggle("large");
    const button = event.target.closest("button");
    if (!button) return;
    if (button.name === "copy") {
      await copy(button.closest(".card").dataset.path);
      button.textContent = "copied";
    } else if (button.name === "csv") {
      const rows = shown().map((card) => COLUMNS.map((name) => cell(card.dataset[name])).join(","));
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([`${[COLUMNS.join(","), ...rows].join("\r\n")}\r\n`], { type: "text/csv" }));
      link.download = `${gallery.dataset.variant}-mistakes.csv`;
      link.click();
      URL.revokeObjectURL(link.href);
    }
  });
}
