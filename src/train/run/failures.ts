/**
 * Handles steps whose loss or gradients are not finite: lowers the loss scale, skips the step, or rolls back to a
 * checkpoint.
 */

import { shareJson, shareState } from "../distributed/index.js";
import { nextLossScale, smallestLossScale } from "../plan/loss-scale.js";
import { notFiniteError, type TrainError } from "../plan/train-error.js";
import { newestCheckpoint } from "./folder.js";
import { initialTensors, type RunParts, type RunState } from "./parts.js";
import type { RunWriter } from "./writer.js";

/**
 * The number of consecutive failed steps that are skipped, and of returns to the same checkpoint, before the run ends.
 */
const mostFailures = 5;

/** The metrics of one step. */
export type StepValues = Readonly<Record<string, number>>;

export class Failures {
  /** Consecutive steps whose loss or gradients were not finite. */
  private inARow = 0;
  /** The last checkpoint that the run returned to, and how often. */
  private rolledBack = { step: -1, times: 0 };

  constructor(
    private readonly parts: RunParts,
    private readonly state: RunState,
    /** Only on rank 0. */
    private readonly writer: RunWriter | undefined,
    private readonly note: (text: string) => void,
  ) {}

  /** Outputs of a step that must be finite for the program to keep its new state. */
  get commitWhenFinite(): readonly string[] {
    const { training, recipe } = this.parts;
    return training.scalesLoss || recipe.onNotFinite !== "stop" ? ["loss", "gradientNorm"] : [];
  }

  /**
   * Checks the steps of one run of the program before they are counted. If the program rejected their new state, the
   * old state remains. Returns false if the run was rolled back to a checkpoint, so that the steps do not count. Throws
   * TrainError when the run cannot continue.
   */
  async handle(steps: readonly StepValues[], committed: boolean): Promise<boolean> {
    const { training, recipe } = this.parts;
    if (committed) {
      this.inARow = 0;
      for (const _ of steps) this.state.lossScale = nextLossScale(this.state.lossScale, true);
    } else if (training.scalesLoss && steps.every(({ loss }) => Number.isFinite(loss))) {
      this.lowerLossScale(steps.length);
    } else if (recipe.onNotFinite !== "stop") {
      const what = this.firstNotFinite(steps);
      if (recipe.onNotFinite === "rollback") {
        await this.rollBack(what);
        return false;
      }
      const which = steps.length === 1 ? "the step is" : `${stepRange(this.state.step, steps.length)} are`;
      this.note(`${what}; ${which} skipped`);
    }
    return true;
  }

  /** The error of a run whose loss is not finite, or with another reason. */
  error(what = `the loss of step ${this.state.step} is ${this.state.loss}`): TrainError {
    return notFiniteError(what, this.state.lastSaved);
  }

  /** Lowers the loss scale after steps whose gradients overflowed; their update was dropped. */
  private lowerLossScale(steps: number): void {
    const { state } = this;
    state.lossScale = nextLossScale(state.lossScale, false);
    const { scale } = state.lossScale;
    const which = stepRange(state.step, steps);
    if (scale < smallestLossScale)
      throw this.error(`gradients of ${which} overflow float16 even with the loss divided by ${1 / scale}`);
    this.note(`${which}: gradients overflow float16; skipped, and the loss scale is now ${scale}`);
  }

  /** Describes the first step that is not finite, and counts the failure. */
  private firstNotFinite(steps: readonly StepValues[]): string {
    const finite = ({ loss, gradientNorm }: StepValues) => Number.isFinite(loss) && Number.isFinite(gradientNorm);
    const at = steps.findIndex((values) => !finite(values));
    const { loss, gradientNorm } = steps[at]!;
    this.state.loss = loss!;
    const what = `step ${this.state.step + at + 1}: the loss is ${loss}, the norm of the gradients ${gradientNorm}`;
    if (++this.inARow > mostFailures) throw this.error(`${what}, ${mostFailures} times in a row`);
    return what;
  }

  /**
   * Restores the newest checkpoint (or the start of the run) and continues with the batches that follow the last one.
   */
  private async rollBack(what: string): Promise<void> {
    const { program, training, folder, communicator } = this.parts;
    const { state, writer } = this;
    const checkpoint = writer && (await newestCheckpoint(folder, this.note));
    state.step = await shareJson(communicator, checkpoint?.step ?? 0);
    // Good steps alone are no progress: the steps after the checkpoint were good the last time too.
    const { step, times } = this.rolledBack;
    this.rolledBack = state.step > step ? { step: state.step, times: 1 } : { step, times: times + 1 };
    if (this.rolledBack.times > mostFailures) {
      throw this.error(
        `${what}, and ${mostFailures} times before, each time after going back to step ${state.step}: the run does not reach its next checkpoint`,
      );
    }
    this.note(`${what}; rolled back to step ${state.step}; continuing with other batches`);
    const tensors = writer && initialTensors(training, checkpoint);
    await program.writeState(await shareState(communicator, training.slots, tensors));
    await writer?.truncate(state.step);
  }
}

/** `step 7`, or `steps 7 to 9`: the steps that follow the finished ones. */
const stepRange = (finished: number, steps: number): string =>
  steps === 1 ? `step ${finished + 1}` : `steps ${finished + 1} to ${finished + steps}`;
