// The costs of a threshold: what a miss and a false alarm cost, a slider, and a chart that follows.
import Alpine from "../vendor/alpine.js";
import { mountCharts, updateChart } from "./charts.js";
import { dataOf } from "./dom.js";
import { number } from "./format.js";
import { recall, remember } from "./storage.js";
import { advice, cheapest, costsOf, levelText, moneyText, perThousand, placeOf } from "./thresholds.js";

const KEY = "costs";

Alpine.data("costs", () => {
  // Beside the component: what Alpine watches it wraps, and these lists are long.
  let threshold = null;
  let costs = [];
  return {
    miss: 1,
    alarm: 1,
    hit: 0,
    place: 0,
    last: 0,
    words: "",
    init() {
      threshold = dataOf(this.$root, "threshold");
      this.last = threshold.at.length - 1;
      const known = recall(KEY, {})[location.pathname];
      if (known) [this.miss, this.alarm, this.hit] = known;
      mountCharts(this.$root);
      costs = this.worked();
      this.place = known ? cheapest(costs) : placeOf(threshold, threshold.current);
      this.draw();
    },
    worked() {
      const of = (value) => Math.max(0, Number(value)) || 0;
      return costsOf(threshold, { miss: of(this.miss), alarm: of(this.alarm), hit: of(this.hit) });
    },
    priced() {
      costs = this.worked();
      this.place = cheapest(costs);
      remember(KEY, { ...recall(KEY, {}), [location.pathname]: [this.miss, this.alarm, this.hit] });
      this.draw();
    },
    moved() {
      this.draw();
    },
    toBest() {
      this.place = cheapest(costs);
      this.draw();
    },
    draw() {
      const at = Number(this.place);
      this.words = advice(threshold, costs);
      const spec = { at: threshold.at, costs, chosen: at, best: cheapest(costs), now: placeOf(threshold, threshold.current) };
      updateChart(this.$root.querySelector("figure"), spec, () =>
        threshold.at.map((level, row) => [levelText(level), number(Number(costs[row].toPrecision(4))), perThousand(threshold, "fn", row), perThousand(threshold, "fp", row)]),
      );
    },
    get advice() {
      return this.words;
    },
    get levelText() {
      return threshold ? levelText(threshold.at[Number(this.place)]) : "";
    },
    get misses() {
      return this.count("fn");
    },
    get alarms() {
      return this.count("fp");
    },
    get hits() {
      return this.count("tp");
    },
    get cost() {
      // Named so that it follows what the costs are made of.
      return threshold && this.words ? moneyText(costs[Number(this.place)]) : "";
    },
    count(name) {
      return threshold ? perThousand(threshold, name, Number(this.place)) : "";
    },
  };
});
