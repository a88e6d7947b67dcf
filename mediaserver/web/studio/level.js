/** How loud a track is, shown by a meter element. */

/** Decibels below full scale at which the meter begins. */
const floor = -60;

/** Shows a track's level ten times a second until the function that it returns is called. */
export function showLevel(track, meter) {
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 2048 });
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const peak = samples.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    const decibels = peak > 0 ? 20 * Math.log10(peak) : -Infinity;
    meter.value = Math.max(0, Math.min(1, 1 - decibels / floor));
    meter.title = meter.ariaValueText = peak > 0 ? `${Math.round(decibels)} dB` : "silent";
  }, 100);
  void context.resume().catch(() => {});
  return () => {
    clearInterval(timer);
    void context.close();
    meter.value = 0;
    meter.title = meter.ariaValueText = "no sound";
  };
}
