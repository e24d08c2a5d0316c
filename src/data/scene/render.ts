/** Renders generated scenes by casting rays: perspective, diffuse and specular light, soft shadows, four samples a pixel. */
import { type RawImage, rawImage } from "../image.js";
import { createRandom } from "../random.js";
import { type Hit, intersect } from "./intersect.js";
import { layOutScene, pictureBox, type SceneLayout, type SceneOptions, type Vector } from "./layout.js";
import type { Colour, Scene, SceneObject } from "./types.js";

/** Samples a pixel along each side. */
const samples = 2;

/** Colours in linear light. */
const albedo: Readonly<Record<Colour, Vector>> = {
  grey: [0.2, 0.2, 0.21],
  red: [0.62, 0.045, 0.035],
  blue: [0.04, 0.1, 0.62],
  green: [0.04, 0.36, 0.06],
  brown: [0.22, 0.095, 0.035],
  purple: [0.3, 0.05, 0.46],
  cyan: [0.04, 0.46, 0.52],
  yellow: [0.78, 0.6, 0.03],
};

/** Where the four samples of a pixel look for the light, beside its middle: four points of a lamp give soft shadow edges. */
const lampOffsets: readonly (readonly [number, number])[] = [
  [-0.09, -0.04],
  [0.05, -0.09],
  [-0.05, 0.09],
  [0.09, 0.04],
];

/**
 * Makes picture number `index` of the sequence `seed`, with the facts of what is in it.
 *
 * The same arguments give the same bytes: all that is random comes from the seed, and the arithmetic has one order.
 * @example const { image, scene } = generateScene(1, 0, { height: 64, width: 64, minCount: 1, maxCount: 9 })
 */
export function generateScene(seed: number, index: number, options: SceneOptions): { image: RawImage; scene: Scene } {
  const layout = layOutScene(seed, index, options);
  return { image: renderScene(layout, options.height, options.width), scene: layout.scene };
}

/** Renders a layout to height x width RGB pixels. */
export function renderScene(layout: SceneLayout, height: number, width: number): RawImage {
  const rows = height * samples;
  const columns = width * samples;
  const rays = castRays(layout, rows, columns);
  const objects = layout.scene.objects;
  const lamps = lampOffsets.map(([u, v]) => unit(layout.light[0] + u, layout.light[1], layout.light[2] + v));
  const image = new Uint8Array(height * width * 3);
  const colour = new Float64Array(3);
  const sum = new Float64Array(3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      sum.fill(0);
      for (let s = 0; s < samples * samples; s++) {
        const at = (y * samples + (s >> 1)) * columns + x * samples + (s & 1);
        shade(layout, objects, rays, at, lamps[s]!, colour);
        for (let c = 0; c < 3; c++) sum[c]! += colour[c]!;
      }
      for (let c = 0; c < 3; c++) {
        // Square root as the display curve: near sRGB's, and exact on every machine, which a power is not.
        const value = Math.sqrt(Math.min(1, sum[c]! / (samples * samples)));
        image[(y * width + x) * 3 + c] = Math.round(value * 255);
      }
    }
  }
  return rawImage(image, height, width, 3);
}

/** What every sample's ray meets: the nearest object (-1 for the ground), how far away, and the surface's direction there. */
interface Rays {
  readonly direction: Float64Array;
  readonly hit: Int16Array;
  readonly distance: Float64Array;
  readonly normal: Float64Array;
}

function castRays({ camera, scene }: SceneLayout, rows: number, columns: number): Rays {
  const count = rows * columns;
  const rays: Rays = {
    direction: new Float64Array(count * 3),
    hit: new Int16Array(count).fill(-1),
    distance: new Float64Array(count).fill(Number.POSITIVE_INFINITY),
    normal: new Float64Array(count * 3),
  };
  const half = Math.min(rows, columns) / 2;
  const { forward, right, up, focal } = camera;
  for (let y = 0, at = 0; y < rows; y++) {
    const v = (rows / 2 - y - 0.5) / half;
    for (let x = 0; x < columns; x++, at += 3) {
      const u = (x + 0.5 - columns / 2) / half;
      const dx = forward[0] * focal + right[0] * u + up[0] * v;
      const dy = forward[1] * focal + right[1] * u + up[1] * v;
      const dz = forward[2] * focal + right[2] * u + up[2] * v;
      const n = 1 / Math.sqrt(dx * dx + dy * dy + dz * dz);
      rays.direction[at] = dx * n;
      rays.direction[at + 1] = dy * n;
      rays.direction[at + 2] = dz * n;
    }
  }
  const found: Hit = { distance: 0, nx: 0, ny: 0, nz: 0 };
  const [ox, oy, oz] = camera.position;
  for (const [i, object] of scene.objects.entries()) {
    // Only the samples in the object's rectangle can meet it.
    const box = pictureBox(camera, object);
    const left = Math.max(0, Math.floor(columns / 2 + box.left * half));
    const last = Math.min(columns - 1, Math.ceil(columns / 2 + box.right * half));
    const top = Math.max(0, Math.floor(rows / 2 - box.top * half));
    const bottom = Math.min(rows - 1, Math.ceil(rows / 2 - box.bottom * half));
    for (let y = top; y <= bottom; y++) {
      for (let at = y * columns + left; at <= y * columns + last; at++) {
        const d = at * 3;
        if (!intersect(object, ox, oy, oz, rays.direction[d]!, rays.direction[d + 1]!, rays.direction[d + 2]!, found))
          continue;
        if (found.distance >= rays.distance[at]!) continue;
        rays.distance[at] = found.distance;
        rays.hit[at] = i;
        rays.normal[d] = found.nx;
        rays.normal[d + 1] = found.ny;
        rays.normal[d + 2] = found.nz;
      }
    }
  }
  return rays;
}

function shade(
  layout: SceneLayout,
  objects: readonly SceneObject[],
  rays: Rays,
  at: number,
  lamp: Vector,
  out: Float64Array,
): void {
  const { camera, ground } = layout;
  const d = at * 3;
  const dx = rays.direction[d]!;
  const dy = rays.direction[d + 1]!;
  const dz = rays.direction[d + 2]!;
  const hit = rays.hit[at]!;
  const onGround = hit < 0;
  // The camera always looks down, so a ray that meets no object meets the ground.
  const t = onGround ? -camera.position[1] / dy : rays.distance[at]!;
  const px = camera.position[0] + dx * t;
  const py = onGround ? 0 : camera.position[1] + dy * t;
  const pz = camera.position[2] + dz * t;
  const nx = onGround ? 0 : rays.normal[d]!;
  const ny = onGround ? 1 : rays.normal[d + 1]!;
  const nz = onGround ? 0 : rays.normal[d + 2]!;
  const facing = nx * lamp[0] + ny * lamp[1] + nz * lamp[2];
  const lit = facing > 0 && !inShadow(objects, hit, px, py, pz, lamp) ? facing : 0;
  // Light from all around: more from above, less close to objects.
  const ambient = (0.26 + 0.12 * ny) * (onGround ? contact(objects, px, pz) : 1);
  const base = onGround ? ground : albedo[objects[hit]!.colour];
  // The lamp's pool of light fades away from the middle of the scene.
  const pool = onGround ? 1 / (1 + 0.018 * (px * px + pz * pz)) : 1;
  let shine = 0;
  let sky = 0;
  if (!onGround) {
    const shiny = objects[hit]!.material === "shiny";
    const towards = -(dx * nx + dy * ny + dz * nz);
    const hx = lamp[0] - dx;
    const hy = lamp[1] - dy;
    const hz = lamp[2] - dz;
    const h = Math.max(0, nx * hx + ny * hy + nz * hz) / Math.sqrt(hx * hx + hy * hy + hz * hz);
    const h8 = h * h * h * h * h * h * h * h;
    const h64 = h8 * h8 * h8 * h8 * h8 * h8 * h8 * h8;
    if (lit > 0) shine = shiny ? 0.75 * h64 : 0.05 * h8;
    // What a shiny surface mirrors of a bright sky, more at grazing angles.
    if (shiny) sky = Math.max(0, dy + 2 * towards * ny) * (0.06 + 0.3 * (1 - towards) * (1 - towards));
  }
  const diffuse = (ambient + 0.85 * lit) * pool;
  for (let c = 0; c < 3; c++) out[c] = base[c]! * diffuse + shine + sky;
}

/** Whether something stands between a point and the lamp. */
function inShadow(
  objects: readonly SceneObject[],
  self: number,
  px: number,
  py: number,
  pz: number,
  lamp: Vector,
): boolean {
  for (const [i, object] of objects.entries()) {
    // Every shape is convex, so it does not throw a shadow on the side of it that faces the lamp.
    if (i === self) continue;
    const cx = object.position[0] - px;
    const cy = object.position[1] - py;
    const cz = object.position[2] - pz;
    const along = cx * lamp[0] + cy * lamp[1] + cz * lamp[2];
    // The sphere around a box reaches sqrt(3) radii, around the other shapes at most sqrt(2).
    const bound = 3 * object.radius * object.radius;
    const miss = cx * cx + cy * cy + cz * cz - along * along;
    if (miss > bound || (along < 0 && cx * cx + cy * cy + cz * cz > bound)) continue;
    if (intersect(object, px, py, pz, lamp[0], lamp[1], lamp[2], shadowHit)) return true;
  }
  return false;
}

const shadowHit: Hit = { distance: 0, nx: 0, ny: 0, nz: 0 };

/** How much of the surrounding light reaches the ground beside objects: 1 far away, about 0.4 where one touches it. */
function contact(objects: readonly SceneObject[], px: number, pz: number): number {
  let open = 1;
  for (const { position, radius } of objects) {
    const dx = position[0] - px;
    const dz = position[2] - pz;
    const near = 1 - Math.sqrt(dx * dx + dz * dz) / (2.2 * radius);
    if (near > 0) open *= 1 - 0.9 * near * near;
  }
  return open;
}

function unit(x: number, y: number, z: number): Vector {
  const n = 1 / Math.sqrt(x * x + y * y + z * z);
  return [x * n, y * n, z * n];
}

/** A seed for one split of a set, so that its pictures are not those of another split. */
export function splitSeed(seed: number, split: string): number {
  return createRandom("split", seed, split).next();
}
