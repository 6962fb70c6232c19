'use strict';
// Plots of a figure by layer: layers along the width, a line for each series.
(function () {
  const colors = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#7f7f7f', '#b5a400'];
  const symbols = ['circle', 'rect', 'triangle', 'diamond', 'roundRect', 'pin', 'arrow'];
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const tidy = (value) => String(Number(Number(value).toPrecision(4)));

  function optionOf(data, plot) {
    const ink = css('--ink'), soft = css('--soft'), line = css('--line'), grid = css('--grid');
    return {
      animation: false,
      color: colors,
      grid: { left: 76, right: 24, top: 44, bottom: 128 },
      legend: { top: 4, textStyle: { color: ink } },
      tooltip: { trigger: 'axis', confine: true, backgroundColor: css('--panel'), borderColor: line,
                 textStyle: { color: ink }, valueFormatter: (value) => (value === undefined || value === null ? '-' : tidy(value)) },
      xAxis: { type: 'category', data: data.layers, axisLabel: { color: soft, rotate: 60, fontSize: 10, interval: 0 },
               axisLine: { lineStyle: { color: line } }, axisTick: { alignWithLabel: true } },
      yAxis: { type: plot.logarithmic ? 'log' : 'value', name: plot.unit, nameLocation: 'middle', nameGap: 58,
               nameTextStyle: { color: soft }, axisLabel: { color: soft, formatter: tidy }, splitLine: { lineStyle: { color: grid } } },
      series: plot.series.map((series, i) => ({
        name: series.name, type: 'line', data: series.values, symbol: symbols[i % symbols.length], symbolSize: 7,
        connectNulls: false, lineStyle: { width: 1.2, opacity: 0.7 },
      })),
    };
  }

  const source = document.querySelector('script.layer-data');
  if (!source || typeof echarts === 'undefined') return;
  const data = JSON.parse(source.textContent);
  const drawn = [...document.querySelectorAll('.layer-plot')].map((place) => ({
    chart: echarts.init(place, null, { renderer: 'svg' }), plot: data.plots[Number(place.dataset.plot)],
  }));
  const redraw = () => drawn.forEach((one) => one.chart.setOption(optionOf(data, one.plot), true));
  redraw();
  window.addEventListener('resize', () => drawn.forEach((one) => one.chart.resize()));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
})();
