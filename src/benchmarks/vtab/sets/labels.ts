/** Computes the labels of the structured tasks from the annotations of their datasets (papers.md 4.2). */
import { smallest } from "../../../text/arrays.js";

/** The largest index of a threshold that is below the value. TensorFlow compares in float32, so this does too. */
function bin(thresholds: readonly number[], value: number): number {
  return thresholds.findLastIndex((threshold) => Math.fround(threshold) < Math.fround(value));
}

const clevrDepths = [0, 8, 8.5, 9, 9.5, 10, 100];
const kittiDepths = [-100, 8, 20, 999];
/** The distance that is used where there is no vehicle. */
const noVehicle = 1000;
/** The types of objects; the first three count as vehicles (papers.md 4.2). */
export const kittiTypes = ["Car", "Van", "Truck", "Pedestrian", "Person_sitting", "Cyclist", "Tram", "Misc"] as const;
const vehicleTypes = 3;

/** CLEVR's count: 3 to 10 objects are the classes 0 to 7. Throws for another number of objects. */
export function clevrCount(objects: number): number {
  if (!(objects >= 3 && objects <= 10)) throw new Error(`${objects} objects; expected 3 to 10`);
  return objects - 3;
}

/** CLEVR's distance to the closest object: the class, 0 to 5, of the smallest depth (the third of `pixel_coords`). */
export function clevrDistance(depths: readonly number[]): number {
  const label = bin(clevrDepths, smallest(depths));
  if (depths.length === 0 || label < 0 || label > 5) throw new Error("no object at a depth between 0 and 100");
  return label;
}

export const clevrClasses = {
  count: Array.from({ length: 8 }, (_, i) => `${i + 3} objects`),
  distance: ["up to 8", "8 to 8.5", "8.5 to 9", "9 to 9.5", "9.5 to 10", "above 10"],
};

/**
 * KITTI's distance to the closest vehicle: 0 up to 8 m, 1 up to 20 m, 2 beyond, 3 without a vehicle.
 *
 * @param objects type (index into `kittiTypes`) and depth (z in the camera's frame, metres) of each object
 */
export function kittiDistance(objects: readonly { readonly type: number; readonly depth: number }[]): number {
  const vehicles = objects.filter(({ type }) => type < vehicleTypes).map(({ depth }) => depth);
  const label = bin(kittiDepths, smallest([noVehicle, ...vehicles]));
  if (label < 0) throw new Error("a vehicle farther than 100 m behind the camera");
  return label;
}

export const kittiClasses = ["a vehicle within 8 m", "within 20 m", "farther away", "no vehicle"];

/** dSprites: maps one of `values` positions or orientations to one of 16 classes. */
export function dspritesClass(value: number, values: number): number {
  if (!(Number.isInteger(value) && value >= 0 && value < values))
    throw new Error(`the value ${value}; expected an integer from 0 to ${values - 1}`);
  return Math.floor(value / (values / 16));
}
