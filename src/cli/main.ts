import { type Command, CommanderError } from 'commander';
import { CdcError, exitCodeOf } from '../errors.ts';
import { CommandContext } from './context.ts';
import { listenForInterrupts } from './interrupt.ts';
import { type Io, processIo, writeFully } from './io.ts';
import { createStyle, hasColor } from './presenter/style.ts';
import { createProgram } from './program.ts';
import { renderError, renderErrorJson } from './render-error.ts';

/** Exit code when a second interrupt ends the process without a clean stop. */
const interruptedExitCode = 130;

/**
 * Runs one command line and resolves to the exit code; never throws. The first SIGINT or SIGTERM
 * asks the command to stop cleanly, the second resolves at once whatever the command is doing.
 */
export async function main(argv: readonly string[], io: Io = processIo()): Promise<number> {
  using interrupt = listenForInterrupts(io);
  // Failed writes are seen by whoever awaits them; the event alone must not end the process.
  const ignore = () => {};
  io.stdout.on('error', ignore);
  io.stderr.on('error', ignore);
  try {
    return await Promise.race([
      runCommand(argv, new CommandContext(io, interrupt.signal)),
      interrupt.again.then(() => interruptedExitCode),
    ]);
  } finally {
    io.stdout.off('error', ignore);
    io.stderr.off('error', ignore);
  }
}

async function runCommand(argv: readonly string[], context: CommandContext): Promise<number> {
  const program = createProgram(context);
  try {
    if (argv.length === 0) program.help();
    await program.parseAsync([...argv], { from: 'user' });
    context.liveRegion?.clear();
    return context.exitCode;
  } catch (error) {
    context.liveRegion?.clear();
    return await reportError(error, { argv, program, context });
  }
}

interface CommandLine {
  readonly argv: readonly string[];
  readonly program: Command;
  readonly context: CommandContext;
}

async function reportError(error: unknown, commandLine: CommandLine): Promise<number> {
  const { argv, program, context } = commandLine;
  const { io, verbose } = context;
  if (error instanceof CommanderError) {
    // Help and version were asked for and have been printed.
    if (error.exitCode === 0) return 0;
    return reportError(usageErrorOf(error, commandNamed(program, argv)), commandLine);
  }
  // A reader that has seen enough (`cdc query ... | head`) is no failure.
  if (isClosedPipe(error)) return 0;
  // What an aborted command throws on its way out is the clean stop that was asked for.
  if (context.signal.aborted && isAbort(error)) return 0;
  const style = createStyle(hasColor(io.stderr, io.environment));
  const isJson = argv.includes('--json');
  await writeFully(
    isJson ? io.stdout : io.stderr,
    isJson ? renderErrorJson(error) : renderError(error, style, verbose),
  ).catch(() => undefined);
  return exitCodeOf(error);
}

/** Commander's words without its prefix, and the help of the command that was meant. */
function usageErrorOf(error: CommanderError, command: string): CdcError {
  const message =
    error.code === 'commander.help'
      ? `\`${command}\` needs to know what to do`
      : error.message.replace(/^error: /, '').replaceAll('\n', ' ');
  return new CdcError('CDC_USAGE', message, { remedy: `Run \`${command} --help\`.` });
}

/** `cdc layers plan`: the words of the command line that are commands. */
function commandNamed(program: Command, argv: readonly string[]): string {
  let command = program;
  let named = program.name();
  for (const word of argv) {
    const inner = command.commands.find((one) => one.name() === word);
    if (inner === undefined) continue;
    command = inner;
    named += ` ${word}`;
  }
  return named;
}

function isClosedPipe(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'EPIPE';
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
