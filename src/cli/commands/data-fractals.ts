/** `fovea data fractals`: searches for the categories of `generated:fractals` and writes them to a file. */
import { categoryName, findCategory, mostFillRate, type NamedSystem, writeCategories } from "../../images/index.js";
import { startProgress } from "../../text/progress.js";
import { defineCommand } from "../command.js";
import { dataFractals } from "../definitions.js";
import { UsageError, wholeNumber } from "../words.js";
import { refuseExisting } from "./network.js";

export const command = defineCommand(dataFractals, async ({ args, json }) => {
  const count = wholeNumber(args.categories, "categories", 1);
  const seed = wholeNumber(args.seed, "seed");
  const fill = Number(args.fill);
  if (!(fill >= 0 && fill <= mostFillRate))
    throw new UsageError(`--fill: "${args.fill}" is not a share from 0 to ${mostFillRate}`);
  refuseExisting(args.output, args.overwrite);
  const found: NamedSystem[] = [];
  let candidates = 0;
  const progress = startProgress({ total: count, unit: "category", batchSize: 1, silent: json });
  try {
    for (let category = 0; category < count; category++) {
      const result = findCategory(seed, category, fill);
      candidates += result.candidates;
      found.push({ name: categoryName(category), system: result.system });
      progress.update(category + 1);
      // The search leaves this thread no time of its own; Ctrl-C is heard in between.
      await new Promise(setImmediate);
    }
  } finally {
    progress.finish();
  }
  writeCategories(args.output, found);
  const document = { file: args.output, categories: count, candidates, fill, seed };
  const text = `${args.output}: ${count} categories, found among ${candidates} systems (${((100 * count) / candidates).toFixed(1)} % fill ${fill} of their picture)`;
  return { document, text };
});
