import { resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { DemoEvent } from '../../demo/demo.ts';
import type { CommandContext } from '../context.ts';
import { renderDemo, renderDemoView, renderReady } from '../presenter/demo.ts';
import { renderInitProgress } from '../presenter/init.ts';
import { runProgressFields } from '../presenter/run.ts';
import { renderVerify, renderVerifyProgress } from '../presenter/verify.ts';
import { ProgressDisplay } from '../progress-display.ts';
import { differencesExitCode, example, type JsonOption } from './command-options.ts';

interface DemoOptions extends JsonOption {
  readonly once?: boolean;
  readonly folder?: string;
  readonly seconds?: number;
  readonly log: 'embedded' | 'kafka';
}

export function registerDemo(program: Command, context: CommandContext): void {
  program
    .command('demo')
    .description('Run an online school, its MySQL server and its live warehouse on this machine.')
    .option('--once', 'keep the school busy for a while instead of until Ctrl-C')
    .option('--seconds <number>', 'how long that is (default: 30)', parseSeconds)
    .option('--folder <folder>', 'keep the project there (default: a temporary folder)')
    .addOption(
      new Option('--log <log>', 'where changes wait between capture and load')
        .choices(['embedded', 'kafka'])
        .default('embedded'),
    )
    .option('--json', 'print the report as JSON on the last line (docs/cli-json.md)')
    .addHelpText('after', example('cdc demo --once --json'))
    .action(async ({ json, once, folder, seconds, log }: DemoOptions) => {
      const { runDemo } = await import('../../demo/demo.ts');
      const report = await runDemo({
        logger: context.logger('warn'),
        signal: context.signal,
        once: once === true,
        log,
        ...(folder !== undefined && { folder: resolve(context.io.currentFolder, folder) }),
        ...(seconds !== undefined && { seconds }),
        onEvent: eventDisplay(context),
      });
      if (report === undefined) {
        context.say('Stopped before the snapshot was complete: there is nothing to prove.');
        if (json === true) await context.print('{"ok":false,"interrupted":true}\n');
        return;
      }
      await context.present(report, json, renderDemo);
      if (!report.ok) context.exitCode = differencesExitCode;
    });
}

/** Steps are lines on stderr; what moves is shown on a terminal and logged now and then elsewhere. */
function eventDisplay(context: CommandContext): (event: DemoEvent) => void {
  const display = new ProgressDisplay({
    liveRegion: context.liveRegion,
    logger: context.logger('info'),
  });
  return (event) => {
    if (event.kind === 'step') context.say(event.text);
    else if (event.kind === 'ready') context.say(renderReady(event, context.io.program));
    else if (event.kind === 'proof') {
      // Names the keys; the report only counts them.
      if (!event.report.ok) context.say(renderVerify(event.report, context.style));
    } else display.show(progressOf(event, context));
  };
}

function progressOf(
  event: Extract<DemoEvent, { kind: 'snapshot' | 'live' | 'verify' }>,
  context: CommandContext,
) {
  if (event.kind === 'snapshot') {
    const { progress } = event;
    const line = renderInitProgress(progress);
    return { line, message: 'Snapshot progress.', fields: { ...progress } };
  }
  if (event.kind === 'live') {
    const line = renderDemoView(event.view, context.style);
    return { line, message: 'Running.', fields: runProgressFields(event.view.status) };
  }
  const { name, done, total } = event;
  const line = renderVerifyProgress({ name, done, total });
  return { line, message: 'Verifying.', fields: { name, done, total } };
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!/^\d+$/.test(text) || seconds < 1 || seconds > 86_400) {
    throw new InvalidArgumentError('It must be a whole number from 1 to 86400.');
  }
  return seconds;
}
