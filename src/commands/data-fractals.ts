/** `fovea data fractals`: searches for the categories of `generated:fractals` and writes them to a file. */
import { z } from "zod";
import { percent } from "../text/format.js";
import { type ProgressOptions, withProgress } from "../text/progress.js";
import { command } from "./command.js";
import { argument, count, file, option, overwrite, seed, share } from "./options.js";
import * as json from "./results.js";

export default command({
  name: "data fractals",
  summary: "Search for the categories of generated:fractals once and write them to a file",
  options: {
    output: argument(
      file,
      "File to write (.csv), one affine map per line; use it as generated:fractals?categories=FILE",
    ),
    categories: option(count.default(1000), "Categories to find, from number 0"),
    fill: option(share.default(0.2), "Minimum fraction of 512 x 512 pixels that 100,000 points must touch"),
    seed,
    overwrite,
  },
  examples: [
    { run: "fovea data fractals fractals.csv --categories 1000", does: "a search of about a minute on one core" },
    {
      run: "fovea data fractals few.csv --categories 10 --fill 0.3",
      does: "ten that fill more of the image; use them as generated:fractals?categories=few.csv",
    },
  ],
  result: z.object({
    file: json.text,
    categories: json.number,
    candidates: json.number.describe("systems that were drawn to find them"),
    fill: json.number,
    seed: json.number,
  }),
  async run({ output, categories, fill, seed, overwrite }, { progress }) {
    const [{ searchCategories, writeCategories }, { refuseExisting }] = await Promise.all([
      import("../images/index.js"),
      import("../files/folder.js"),
    ]);
    refuseExisting(output, overwrite);
    const shown = (options: ProgressOptions) => progress({ ...options, unit: "category", batchSize: 1 });
    const { systems, candidates } = await withProgress(shown, categories, (onProgress) =>
      searchCategories({ count: categories, seed, fill, onProgress }),
    );
    writeCategories(output, systems);
    return { file: output, categories, candidates, fill, seed };
  },
  text: ({ file, categories, candidates, fill }) =>
    `${file}: ${categories} categories, found among ${candidates} systems (${percent(categories / candidates)} fill ${fill} of their image)`,
});
