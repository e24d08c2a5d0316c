/** Intersects rays with the four shapes of generated scenes. */
import type { SceneObject } from "./types.js";

/** Intersection of a ray with a surface, and the surface normal there; updated in place, since millions are computed. */
export interface Hit {
  distance: number;
  nx: number;
  ny: number;
  nz: number;
}

/** Nearer hits are the surface on which the ray starts. */
const epsilon = 1e-6;

/**
 * Finds the first intersection of a ray (origin o, unit direction d) with an object on the ground.
 * Returns false, with `hit` in an undefined state, if there is none.
 */
export function intersect(
  object: SceneObject,
  ox: number,
  oy: number,
  oz: number,
  dx: number,
  dy: number,
  dz: number,
  hit: Hit,
): boolean {
  const x = ox - object.position[0];
  const z = oz - object.position[2];
  switch (object.shape) {
    case "sphere":
      return sphere(object.radius, x, oy - object.radius, z, dx, dy, dz, hit);
    case "box":
      return box(object, x, oy - object.radius, z, dx, dy, dz, hit);
    case "cylinder":
      return cylinder(object.radius, x, oy, z, dx, dy, dz, hit);
    case "cone":
      return cone(object.radius, x, oy, z, dx, dy, dz, hit);
  }
}

/** |o + t d| = r: t^2 + 2 (o.d) t + |o|^2 - r^2 = 0. */
function sphere(r: number, x: number, y: number, z: number, dx: number, dy: number, dz: number, hit: Hit): boolean {
  const b = x * dx + y * dy + z * dz;
  const root = b * b - (x * x + y * y + z * z - r * r);
  if (root < 0) return false;
  const t = -b - Math.sqrt(root);
  if (t < epsilon) return false;
  hit.distance = t;
  hit.nx = (x + dx * t) / r;
  hit.ny = (y + dy * t) / r;
  hit.nz = (z + dz * t) / r;
  return true;
}

/** A ray enters a box when it has entered all three pairs of parallel planes, unless it has left one by then. */
function box(
  object: SceneObject,
  x: number,
  y: number,
  z: number,
  dx: number,
  dy: number,
  dz: number,
  hit: Hit,
): boolean {
  const r = object.radius;
  const cos = Math.cos(object.rotation);
  const sin = Math.sin(object.rotation);
  const u = x * cos - z * sin;
  const v = x * sin + z * cos;
  const du = dx * cos - dz * sin;
  const dv = dx * sin + dz * cos;
  // A direction of exactly 0 gives infinities with the right sign, and the comparisons still hold.
  const u1 = (-Math.sign(du) * r - u) / du;
  const y1 = (-Math.sign(dy) * r - y) / dy;
  const v1 = (-Math.sign(dv) * r - v) / dv;
  const enter = Math.max(u1, y1, v1);
  const leave = Math.min((Math.sign(du) * r - u) / du, (Math.sign(dy) * r - y) / dy, (Math.sign(dv) * r - v) / dv);
  if (!(enter <= leave) || enter < epsilon) return false;
  hit.distance = enter;
  const nu = enter === u1 ? -Math.sign(du) : 0;
  const nv = enter === v1 && nu === 0 ? -Math.sign(dv) : 0;
  hit.ny = nu === 0 && nv === 0 ? -Math.sign(dy) : 0;
  hit.nx = nu * cos + nv * sin;
  hit.nz = -nu * sin + nv * cos;
  return true;
}

/** The side x^2 + z^2 = r^2 for heights 0 to 2r, and the disc on top; the bottom is on the ground and never visible. */
function cylinder(r: number, x: number, y: number, z: number, dx: number, dy: number, dz: number, hit: Hit): boolean {
  const height = 2 * r;
  const a = dx * dx + dz * dz;
  const b = x * dx + z * dz;
  const root = b * b - a * (x * x + z * z - r * r);
  if (root < 0) return false;
  const t = (-b - Math.sqrt(root)) / a;
  const at = y + dy * t;
  if (t >= epsilon && at >= 0 && at <= height) {
    hit.distance = t;
    hit.nx = (x + dx * t) / r;
    hit.ny = 0;
    hit.nz = (z + dz * t) / r;
    return true;
  }
  const top = (height - y) / dy;
  const tx = x + dx * top;
  const tz = z + dz * top;
  if (!(top >= epsilon) || tx * tx + tz * tz > r * r) return false;
  hit.distance = top;
  hit.nx = 0;
  hit.ny = 1;
  hit.nz = 0;
  return true;
}

/** The side x^2 + z^2 = (r (1 - y / h))^2 with h = 2r, for heights 0 to h; the solution on the mirrored cone above h is ignored. */
function cone(r: number, x: number, y: number, z: number, dx: number, dy: number, dz: number, hit: Hit): boolean {
  const height = 2 * r;
  const k = r / height;
  const rest = height - y;
  const a = dx * dx + dz * dz - k * k * dy * dy;
  const b = x * dx + z * dz + k * k * rest * dy;
  const c = x * x + z * z - k * k * rest * rest;
  const root = b * b - a * c;
  if (root < 0) return false;
  const sqrt = Math.sqrt(root);
  let t = Number.POSITIVE_INFINITY;
  for (const solution of a > 0 ? [(-b - sqrt) / a, (-b + sqrt) / a] : [(-b + sqrt) / a, (-b - sqrt) / a]) {
    const at = y + dy * solution;
    if (solution >= epsilon && at >= 0 && at <= height && solution < t) t = solution;
  }
  if (t === Number.POSITIVE_INFINITY) return false;
  const px = x + dx * t;
  const pz = z + dz * t;
  const out = k * (height - (y + dy * t));
  const n = 1 / Math.sqrt(px * px + pz * pz + k * k * out * out);
  hit.distance = t;
  hit.nx = px * n;
  hit.ny = k * out * n;
  hit.nz = pz * n;
  return true;
}
