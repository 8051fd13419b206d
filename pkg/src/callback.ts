/** What it needs of the settings. */
interface Settings<O, D> {
  options_: { onOutcome?(outcome: O, delivery?: D): void };
  logger_: Pick<Console, "warn">;
}

/** Calls the application's `onOutcome`. What fails in it is named, and ends nothing. */
export function callBack<O, D>({ options_: options, logger_: logger }: Settings<O, D>, outcome: O, delivery?: D) {
  const complain = (error: unknown) => logger.warn("trackwire: onOutcome:", error);
  try {
    // It may be async.
    Promise.resolve(options.onOutcome?.(outcome, delivery)).catch(complain);
  } catch (error) {
    complain(error);
  }
}
