/** A graph of the last hour. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { split } from "./format.ts";
import type { Point } from "./types.ts";

export interface Line {
  name: string;
  of: (p: Point) => number;
}

interface Props {
  title: string;
  lines: Line[];
  format: (n: number) => string;
  points: Point[];
  /** Seconds between two of them. */
  step: number;
  /** The least that the axis reaches up to. */
  least: number;
  /** The axis counts by powers of two. */
  binary?: boolean;
}

/** Seconds that a graph shows at least, and at most. */
const [short, long] = [300, 3600];
/** Colours and type as the style sheet has them now. */
function look() {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string): string => style.getPropertyValue(name).trim();
  return { ink: of("--quiet"), grid: of("--line"), lines: [of("--graph-1"), of("--graph-2")], font: `11px ${getComputedStyle(document.body).fontFamily}` };
}

/** Counts up when the browser changes between light and dark. */
function useScheme(): number {
  const [n, set] = useState(0);
  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const change = (): void => set((n) => n + 1);
    dark.addEventListener("change", change);
    return () => dark.removeEventListener("change", change);
  }, []);
  return n;
}

function Big({ text }: { text: string }) {
  const [number, unit] = split(text);
  return (
    <>
      <b>{number}</b>
      {unit}
    </>
  );
}

export function Graph({ title, lines, format, points, step, least, binary }: Props) {
  const at = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const [hover, setHover] = useState<number | null>(null);
  const scheme = useScheme();

  const data = useMemo(() => [points.map((p) => p.t), ...lines.map(({ of }) => points.map((p) => of(p)))] as uPlot.AlignedData, [points]);
  const range = useMemo((): [number, number] => {
    const last = points.at(-1)?.t ?? Date.now() / 1000;
    const first = Math.max(points[0]?.t ?? last, last - long);
    return [Math.min(first, last - short), last];
  }, [points]);
  const shown = useRef({ range });
  shown.current = { range };

  useEffect(() => {
    const box = at.current!;
    const { ink, grid, lines: colours, font } = look();
    const axis = { stroke: ink, font, ticks: { show: false }, grid: { stroke: grid, width: 1 } };
    const u = (plot.current = new uPlot(
      {
        width: box.clientWidth,
        height: box.clientHeight,
        padding: [8, 4, 0, 0],
        legend: { show: false },
        cursor: { sync: { key: "console" }, y: false, drag: { x: false, y: false }, points: { size: 7 } },
        scales: { x: { time: true, range: () => shown.current.range }, y: { range: (_, __, max) => [0, Math.max(least, max * 1.08)] } },
        axes: [
          { ...axis, grid: { show: false }, size: 22, space: 48, values: (_, ticks) => ticks.map((t) => new Date(t * 1000).toTimeString().slice(0, 5)) },
          {
            ...axis,
            size: (_, values) => 10 + 6.2 * Math.max(4, ...(values ?? []).map((v) => v.length)),
            space: 22,
            values: (_, ticks) => ticks.map((n) => (n === 0 ? "0" : format(n))),
            ...(binary ? { incrs: Array.from({ length: 24 }, (_, i) => 2 ** (i + 18)) } : {}),
          },
        ],
        series: [{}, ...lines.map((l, i) => ({ label: l.name, stroke: colours[i]!, fill: `${colours[i]!}22`, width: 1.75, points: { show: false } }))],
        hooks: { setCursor: [(u) => setHover(u.cursor.idx ?? null)] },
      },
      data,
      box,
    ));
    const size = new ResizeObserver(() => u.setSize({ width: box.clientWidth, height: box.clientHeight }));
    size.observe(box);
    return () => {
      size.disconnect();
      u.destroy();
      plot.current = undefined;
    };
  }, [scheme]);
  useEffect(() => plot.current?.setData(data), [data]);

  const point = points[hover ?? points.length - 1] ?? points.at(-1);
  const peak = (of: Line["of"]): string => format(points.reduce((most, p) => Math.max(most, of(p)), 0));
  const summary = point && lines.map((l) => `${l.name}: ${format(l.of(points.at(-1)!))} now, at most ${peak(l.of)}`).join("; ");
  return (
    <figure class="card graph">
      <figcaption>
        <h3>{title}</h3>
        <span class="when">{hover !== null && point ? new Date(point.t * 1000).toTimeString().slice(0, 5) : ""}</span>
        <p>
          {lines.map((l, i) => (
            <span key={l.name} class={`line line-${i + 1}`}>
              <Big text={point ? format(l.of(point)) : "–"} /> {lines.length > 1 && l.name}
            </span>
          ))}
        </p>
      </figcaption>
      <div class="plot" ref={at} role="img" aria-label={`Graph of the last ${points.length * step >= long - step ? "hour" : "minutes"}. ${summary ?? "Nothing yet."}`} />
    </figure>
  );
}
