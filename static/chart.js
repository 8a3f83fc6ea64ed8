// Recipients per day by outcome: one stacked bar for each day, in the colours of the states.
//
//   {{ days|json_script:"days-data" }}
//   <div class="chart"><canvas data-days="days-data" role="img" aria-label="... in words ..."></canvas></div>
//
// days = {
//   "days": ["2026-11-01", ...],
//   "series": [{"kind": "accepted", "label": "Accepted", "values": [64000, ...]}, ...]
// }
// kind is one of accepted, provider, waiting, decision, rejected, excluded; one value for each day.
(() => {
  "use strict";

  const drawn = new Map();
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const figure = new Intl.NumberFormat("en-GB");
  const shortFigure = new Intl.NumberFormat("en-GB", { notation: "compact" });
  const shortDay = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
  const longDay = new Intl.DateTimeFormat("en-GB", {
    weekday: "short",
    day: "numeric",
    month: "long",
    timeZone: "UTC",
  });
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;

  const draw = (canvas) => {
    drawn.get(canvas)?.destroy();
    const { days, series } = JSON.parse(document.getElementById(canvas.dataset.days).textContent);
    const ink = colour("ink-quiet");
    const dates = days.map((day) => new Date(`${day}T00:00:00Z`));
    drawn.set(
      canvas,
      new Chart(canvas, {
        type: "bar",
        data: {
          labels: dates.map((date) => shortDay.format(date)),
          datasets: series.map(({ kind, label, values }) => ({
            label,
            data: values,
            backgroundColor: colour(kind),
            borderColor: colour("surface"),
            borderWidth: { top: 1 },
            maxBarThickness: 32,
          })),
        },
        options: {
          animation: still ? false : { duration: 200 },
          maintainAspectRatio: false,
          interaction: { mode: "index", intersect: false },
          scales: {
            x: {
              stacked: true,
              grid: { display: false },
              border: { color: colour("line") },
              ticks: { color: ink, maxRotation: 0, autoSkipPadding: 16 },
            },
            y: {
              stacked: true,
              beginAtZero: true,
              border: { display: false },
              grid: { color: colour("line") },
              ticks: { color: ink, maxTicksLimit: 5, precision: 0, callback: (value) => shortFigure.format(value) },
            },
          },
          plugins: {
            legend: {
              position: "bottom",
              align: "start",
              labels: { color: colour("ink"), boxWidth: 12, boxHeight: 12 },
            },
            tooltip: {
              callbacks: {
                title: ([item]) => longDay.format(dates[item.dataIndex]),
                label: (item) => ` ${item.dataset.label}: ${figure.format(item.raw)}`,
              },
            },
          },
        },
      }),
    );
  };
  const drawAll = () => document.querySelectorAll("canvas[data-days]").forEach(draw);

  Chart.defaults.font.family = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
  Chart.defaults.font.size = 13;
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", drawAll);
  } else {
    drawAll();
  }
  document.addEventListener("themechange", drawAll);
})();
