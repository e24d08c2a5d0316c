/**
 * Lists the 19 tasks of the Visual Task Adaptation Benchmark (Zhai et al. 2019), read from the published files
 * (papers.md 4).
 */
import type { Task } from "../protocol/task.js";
import { caltech101 } from "./caltech101.js";
import { camelyon } from "./camelyon.js";
import { cifar100 } from "./cifar100.js";
import { clevrCountTask, clevrDistanceTask } from "./clevr.js";
import { dmlab } from "./dmlab.js";
import { dspritesLocation, dspritesOrientation } from "./dsprites.js";
import { dtd } from "./dtd.js";
import { eurosat } from "./eurosat.js";
import { flowers102 } from "./flowers102.js";
import { kittiDistanceTask } from "./kitti.js";
import { pets } from "./pets.js";
import { resisc45 } from "./resisc45.js";
import { retinopathy } from "./retinopathy.js";
import { type VtabDefinition, vtabTask } from "./set.js";
import { smallnorbAzimuth, smallnorbElevation } from "./smallnorb.js";
import { sun397 } from "./sun397.js";
import { svhn } from "./svhn.js";

/** In the order of papers.md 4.1: natural, specialised, structured. */
const definitions: readonly VtabDefinition[] = [
  caltech101,
  cifar100,
  dtd,
  flowers102,
  pets,
  sun397,
  svhn,
  camelyon,
  eurosat,
  resisc45,
  retinopathy,
  clevrCountTask,
  clevrDistanceTask,
  dmlab,
  dspritesLocation,
  dspritesOrientation,
  kittiDistanceTask,
  smallnorbAzimuth,
  smallnorbElevation,
];

export const vtabTasks: readonly Task[] = definitions.map(vtabTask);
