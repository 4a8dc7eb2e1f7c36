/** Ask one thing at a time, and of what comes meanwhile only the newest: a keystroke never waits behind older ones. */
export class Latest<Q> {
  private running = false;
  private next: Q | null = null;

  constructor(private readonly work: (question: Q) => Promise<void>) {}

  ask(question: Q): void {
    this.next = question;
    if (!this.running) void this.run();
  }

  private async run(): Promise<void> {
    this.running = true;
    while (this.next !== null) {
      const question = this.next;
      this.next = null;
      await this.work(question);
    }
    this.running = false;
  }

  get isIdle(): boolean {
    return !this.running;
  }
}
