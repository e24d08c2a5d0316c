/** The page: its controls, numbers, curve and images. */
import { History, lossCurve, mean } from "./chart.js";
import { classNames, side } from "./drawing.js";
import type { FromPage, FromWorker, Guesses, Settings } from "./messages.js";

function element<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element ${id}`);
  return found as T;
}

const form = element<HTMLFormElement>("settings");
const button = element<HTMLButtonElement>("run");
const status = element("status");
const chance = Math.log(classNames.length);

let worker: Worker | undefined;
let isRunning = false;
let history = new History();
let recent: { loss: number; accuracy: number; imagesPerSecond: number }[] = [];

const post = (message: FromPage): void => worker?.postMessage(message);

function show(text: string, isError = false): void {
  status.textContent = text;
  status.classList.toggle("error", isError);
}

function setRunning(running: boolean): void {
  isRunning = running;
  button.textContent = running ? "Stop" : worker ? "Continue" : "Start";
  document.body.dataset.state = running ? "running" : "stopped";
}

/** Forgets the network; the next start makes a new one with the settings of that time. */
function reset(): void {
  worker?.terminate();
  worker = undefined;
  history = new History();
  recent = [];
  for (const id of ["step", "loss", "accuracy", "speed"]) element(id).textContent = "–";
  drawCurve();
  element("guesses").replaceChildren(...Array.from({ length: 12 }, () => document.createElement("figure")));
  setRunning(false);
  show("Nothing is downloaded or uploaded: images are drawn here, and the network is trained here.");
}

function start(): void {
  const data = new FormData(form);
  const settings = { device: data.get("device"), size: data.get("size") } as Settings;
  worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  worker.addEventListener("message", ({ data: message }: MessageEvent<FromWorker>) => receive(message));
  worker.addEventListener("error", (event) => fail(event.message || "the worker could not start"));
  post({ kind: "start", settings });
  setRunning(true);
  show("Writing the graph and starting ONNX Runtime …");
}

function fail(message: string): void {
  worker?.terminate();
  worker = undefined;
  setRunning(false);
  document.body.dataset.state = "failed";
  show(message, true);
}

function receive(message: FromWorker): void {
  switch (message.kind) {
    case "ready": {
      const threads = message.threads === 1 ? "1 thread" : `${message.threads} threads`;
      show(`${message.weights.toLocaleString("en")} weights, ${threads}, compiled in ${message.seconds.toFixed(1)} s.`);
      break;
    }
    case "step": {
      history.add(message.loss);
      recent = [...recent.slice(-19), message];
      element("step").textContent = String(message.step);
      element("loss").textContent = mean(recent.map(({ loss }) => loss)).toFixed(3);
      element("accuracy").textContent = `${Math.round(100 * mean(recent.map(({ accuracy }) => accuracy)))} %`;
      element("speed").textContent = mean(recent.map(({ imagesPerSecond }) => imagesPerSecond)).toFixed(0);
      schedule();
      break;
    }
    case "guesses":
      showGuesses(message);
      break;
    case "failed":
      fail(message.message);
  }
}

let isScheduled = false;
/** Draws the curve before the next frame, once for all steps since the last. */
function schedule(): void {
  if (isScheduled) return;
  isScheduled = true;
  requestAnimationFrame(() => {
    isScheduled = false;
    drawCurve();
  });
}

function drawCurve(): void {
  const curve = element("curve");
  curve.innerHTML = lossCurve(history, chance, curve.clientWidth);
}

function showGuesses({ images, labels, probabilities }: Guesses): void {
  const figures = Array.from(labels, (label, i) => {
    const row = probabilities.subarray(i * classNames.length, (i + 1) * classNames.length);
    const best = row.indexOf(row.reduce((a, b) => Math.max(a, b)));
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = side;
    const pixels = new ImageData(side, side);
    for (let p = 0; p < side * side; p++) {
      for (let c = 0; c < 3; c++) pixels.data[p * 4 + c] = 127.5 * (1 + images[(i * side * side + p) * 3 + c]!);
      pixels.data[p * 4 + 3] = 255;
    }
    canvas.getContext("2d")?.putImageData(pixels, 0, 0);
    const caption = document.createElement("figcaption");
    caption.textContent = `${best === label ? "✓" : "✗"} ${classNames[best]} ${Math.round(100 * row[best]!)} %`;
    const figure = document.createElement("figure");
    figure.className = best === label ? "right" : "wrong";
    figure.title = best === label ? "correct" : `wrong: it is a ${classNames[label]}`;
    figure.append(canvas, caption);
    return figure;
  });
  element("guesses").replaceChildren(...figures);
}

button.addEventListener("click", () => {
  if (!worker) start();
  else {
    post({ kind: isRunning ? "stop" : "resume" });
    setRunning(!isRunning);
  }
});
element("reset").addEventListener("click", reset);
form.addEventListener("change", reset);
addEventListener("resize", schedule);
form.addEventListener("submit", (event) => event.preventDefault());
if (!("gpu" in navigator)) {
  element<HTMLInputElement>("webgpu").disabled = true;
  element("webgpu-label").title = "This browser has no WebGPU, or the page is not from https or localhost.";
}
reset();
