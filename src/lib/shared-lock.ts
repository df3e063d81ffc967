/**
 * Many may hold it at once, or one alone. Who wants it alone waits until those who share it are done, and
 * those who come later wait for him.
 */
export class SharedLock {
  #sharing = 0;
  #isAlone = false;
  readonly #waiting: { readonly alone: boolean; readonly begin: () => void }[] = [];

  /** Runs `work` beside others who share; rejects with the signal's reason when it aborts before that. */
  shared<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    return this.#run(false, signal, work);
  }

  /** Runs `work` while nobody else holds the lock. */
  alone<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    return this.#run(true, signal, work);
  }

  async #run<T>(
    alone: boolean,
    signal: AbortSignal | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    if (this.#waiting.length > 0 || !this.#isFree(alone)) await this.#wait(alone, signal);
    else this.#take(alone);
    try {
      return await work();
    } finally {
      if (alone) this.#isAlone = false;
      else this.#sharing--;
      this.#wake();
    }
  }

  #isFree(alone: boolean): boolean {
    return !this.#isAlone && (!alone || this.#sharing === 0);
  }

  #take(alone: boolean): void {
    if (alone) this.#isAlone = true;
    else this.#sharing++;
  }

  #wait(alone: boolean, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        this.#wake();
        reject(signal?.reason);
      };
      const begin = () => {
        signal?.removeEventListener('abort', giveUp);
        resolve();
      };
      const waiter = { alone, begin };
      signal?.addEventListener('abort', giveUp, { once: true });
      this.#waiting.push(waiter);
    });
  }

  #wake(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!this.#isFree(next.alone)) return;
      this.#waiting.shift();
      this.#take(next.alone);
      next.begin();
    }
  }
}
