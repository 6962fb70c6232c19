'use strict';
(function () {
  // Okabe & Ito's colours, which stay apart under colour-blindness.
  const familyColors = { 'float32': '#0072b2', 'PTQ': '#d55e00', 'QAT': '#009e73' };
  const moreColors = ['#cc79a7', '#e69f00', '#56b4e9', '#7f7f7f', '#b5a400'];
  // Symbols as paths in a box of 20 x 20, for charts and keys alike.
  const symbols = [
    'M10 2a8 8 0 1 0 0 16a8 8 0 1 0 0-16Z',
    'M3 3H17V17H3Z',
    'M10 2L18.5 17H1.5Z',
    'M10 1L19 10L10 19L1 10Z',
    'M10 18L1.5 3H18.5Z',
    'M7 2H13V7H18V13H13V18H7V13H2V7H7Z',
    'M10 1L19 7.6L15.6 18.3H4.4L1 7.6Z',
  ];
  const frontDashes = [[6, 4], [2, 3], [10, 3], [10, 3, 2, 3], [1, 2]];
  const escapeHtml = (text) => String(text).replace(/[&<>"']/g, (c) => '&#' + c.charCodeAt(0) + ';');
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const distinct = (values) => [...new Set(values)];

  function readSections() {
    return [...document.querySelectorAll('script.chart-data')].map((script) => {
      const section = JSON.parse(script.textContent);
      const of = (name) => document.querySelector(name + '[data-section="' + script.dataset.section + '"]');
      section.methods = distinct(section.rows.map((row) => row.method));
      section.families = distinct(section.rows.map((row) => row.family));
      section.models = distinct(section.rows.map((row) => row.model));
      section.hidden = { method: new Set(), model: new Set() };
      section.view = section.views[0];
      section.axis = 'automatic';
      section.byModel = false;
      section.keys = of('.keys');
      section.choices = of('.views');
      section.best = of('.choose');
      section.figures = [...document.querySelectorAll('figure[data-section="' + script.dataset.section + '"]')];
      return section;
    });
  }

  // Methods of one family (pruned, pruned + PTQ, ...) have one colour; their names stand beside the points.
  function colorOf(section, row) {
    if (familyColors[row.family]) return familyColors[row.family];
    const others = section.families.filter((name) => !familyColors[name]);
    return moreColors[others.indexOf(row.family) % moreColors.length];
  }
  const symbolOf = (section, model) => symbols[section.models.indexOf(model) % symbols.length];

  function icon(path, color, hollow) {
    const fill = hollow ? 'fill="none" stroke="' + color + '" stroke-width="2.5"' : 'fill="' + color + '"';
    return '<svg width="13" height="13" viewBox="0 0 20 20" aria-hidden="true"><path d="' + path + '" ' + fill + '/></svg>';
  }

  function drawKeys(section, redraw) {
    const group = (title) => {
      const span = document.createElement('span');
      span.className = 'group';
      span.textContent = title;
      section.keys.append(span);
    };
    const button = (kind, value, image) => {
      const key = document.createElement('button');
      key.type = 'button';
      key.setAttribute('aria-pressed', String(!section.hidden[kind].has(value)));
      key.innerHTML = image + '<span>' + escapeHtml(value) + '</span>';
      key.addEventListener('click', () => {
        const hidden = section.hidden[kind];
        if (!hidden.delete(value)) hidden.add(value);
        key.setAttribute('aria-pressed', String(!hidden.has(value)));
        redraw();
      });
      section.keys.append(key);
    };
    const fixed = (image, text) => {
      const span = document.createElement('span');
      span.className = 'static';
      span.innerHTML = image + '<span>' + escapeHtml(text) + '</span>';
      section.keys.append(span);
    };
    section.keys.textContent = '';
    group('Method');
    section.families.forEach((family) => section.methods.forEach((method) => {
      const row = section.rows.find((one) => one.method === method);
      if (row.family === family) button('method', method, icon(symbols[0], colorOf(section, row)));
    }));
    group('Model');
    section.models.forEach((model) => button('model', model, icon(symbolOf(section, model), 'currentColor')));
    group('');
    fixed('<svg width="26" height="12" viewBox="0 0 26 12" aria-hidden="true"><path d="M1 10H9V6H17V2H25" fill="none" ' +
          'stroke="currentColor" stroke-width="1.6" stroke-dasharray="4 2"/></svg>', 'Pareto front of ' +
          (section.view.charts.some((chart) => chart.fronts.length > 1) ? 'all rows; of latencies, one for each group that was timed together'
                                                                   : 'all rows') +
          ' (on it: outlined; dotted: its interval reaches the front)');
    if (section.rows.some((row) => row.forecast)) fixed(icon(symbols[0], 'currentColor', true), 'forecast latency');
  }

  // What stands beside a point: the method, and its setting where there is one.
  const nameOf = (row) => row.method + (row.setting ? ' ' + row.setting : '');

  function tooltip(section, point) {
    const row = point.row;
    const mean = point.seeds === 1 ? '' :
      '<div style="font-size:12px;padding-bottom:4px">Mean of ' + point.seeds + ' seeds: ' + point.y.toFixed(2) + ' % (' +
      point.low.toFixed(2) + ' to ' + point.high.toFixed(2) + '). The first of them:</div>';
    const facts = section.rows[row].facts.map((fact) =>
      '<tr><td style="padding:0 14px 0 0;border:0;opacity:.7">' + escapeHtml(fact[0]) +
      '</td><td style="padding:0;border:0;text-align:right">' + escapeHtml(fact[1]) + '</td></tr>').join('');
    const notes = section.rows[row].notes.map((note) =>
      '<div style="font-size:12px;max-width:320px;white-space:normal;overflow-wrap:anywhere;padding-top:4px">' + escapeHtml(note) + '</div>').join('');
    return mean + '<table style="font-size:12px;line-height:1.45">' + facts + '</table>' + notes;
  }

  // Room beside the points, and round ends; by itself logarithmic where the costs span more than a factor of 6.
  function costAxis(points, name, choice) {
    const values = points.flatMap((point) => [point.x, point.x_low ?? point.x, point.x_high ?? point.x]);
    const low = Math.min(...values), high = Math.max(...values);
    const logarithmic = low > 0 && choice !== 'linear' && (choice === 'logarithmic' || high / low > 6);
    const same = high - low <= 1e-9 * Math.abs(high);  // means of equal costs differ in their last digits
    const axis = { type: logarithmic ? 'log' : 'value', name: name, nameLocation: 'middle', nameGap: 30 };
    if (logarithmic) {
      const room = same ? 1.5 : Math.pow(high / low, 0.08);
      axis.min = low / room;
      axis.max = high * room;
    } else {
      const room = same ? Math.abs(high) * 0.25 || 1 : (high - low) * 0.12;
      axis.min = Math.max(0, low - room);
      axis.max = high + room;
    }
    return axis;
  }

  // Ticks of our own at 1, 2, 5 times powers of ten (the library's logarithmic axis marks powers of ten alone).
  // A logarithmic axis of a narrow range has less than two of them, and equal steps.
  function costTicks(axis) {
    const inside = (tick) => tick >= axis.min && tick <= axis.max;
    let ticks = [];
    if (axis.type === 'log') {
      for (let power = Math.floor(Math.log10(axis.min)); power <= Math.ceil(Math.log10(axis.max)); ++power) {
        for (const step of [1, 2, 5]) ticks.push(step * Math.pow(10, power));
      }
      ticks = ticks.filter(inside);
    }
    if (ticks.length < 2) {
      const raw = (axis.max - axis.min) / 6, base = Math.pow(10, Math.floor(Math.log10(raw)));
      const step = [1, 2, 5, 10].map((n) => n * base).find((n) => n >= raw);
      ticks = [];
      for (let k = Math.ceil(axis.min / step); k * step <= axis.max; ++k) ticks.push(k * step);
    }
    return ticks.filter(inside);
  }

  function accuracyAxis(points, name) {
    const low = Math.min(...points.map((point) => point.low ?? point.y));
    const high = Math.max(...points.map((point) => point.high ?? point.y));
    const room = (high - low) * 0.12 || 1;
    const raw = (high - low + 2 * room) / 5, base = Math.pow(10, Math.floor(Math.log10(raw)));
    const step = [1, 2, 5, 10].map((n) => n * base).find((n) => n >= raw);
    return {
      type: 'value', name: name, nameLocation: 'middle', nameGap: 42, interval: step,
      min: Math.max(0, Math.floor((low - room) / step) * step),
      max: Math.min(100, Math.ceil((high + room) / step) * step),
    };
  }

  const tidy = (value) => String(Number(value.toPrecision(6)));
  const tidy3 = (value) => String(Number(value.toPrecision(3)));

  function styled(axis, colors, ticks) {
    return Object.assign(axis, {
      nameTextStyle: { color: colors.soft },
      axisLine: { show: true, lineStyle: { color: colors.line } },
      axisTick: { show: true, lineStyle: { color: colors.line }, customValues: ticks },
      axisLabel: { color: colors.soft, formatter: tidy, customValues: ticks, hideOverlap: true },
      splitLine: { show: !ticks, lineStyle: { color: colors.grid } },
    });
  }

  // The Pareto front of some points of a chart, and which of the others have an interval that reaches it.
  function frontOf(points) {
    const front = [];
    let best = -Infinity;
    [...points].sort((a, b) => a.x - b.x || b.y - a.y).forEach((point) => {
      const last = front[front.length - 1];
      if (point.y > best || (last && point.x === last.x && point.y === last.y)) front.push(point);
      best = Math.max(best, point.y);
    });
    points.forEach((point) => {
      point.near = !front.includes(point) && point.high !== undefined &&
                   point.high >= Math.max(0, ...front.filter((other) => other.x <= point.x).map((other) => other.y));
    });
    return front;
  }

  // The part of a chart that one model has, with fronts of its own.
  function partOf(section, chart, model) {
    if (model === null) return { points: chart.points, fronts: chart.fronts.map((front) => ({ name: front.name, points: front.points.map((i) => chart.points[i]) })) };
    const points = chart.points.filter((point) => section.rows[point.row].model === model).map((point) => ({ ...point }));
    return { points: points, fronts: chart.fronts.map((front, i) => ({ name: front.name, points: frontOf(points.filter((point) => point.front === i)) })) };
  }

  function optionOf(section, chart, model) {
    const colors = { ink: css('--ink'), soft: css('--soft'), line: css('--line'), grid: css('--grid'),
                     paper: css('--paper'), front: css('--front'), panel: css('--panel') };
    const isHidden = (point) => section.hidden.method.has(section.rows[point.row].method) ||
                                section.hidden.model.has(section.rows[point.row].model);
    const part = partOf(section, chart, model), fronts = part.fronts;
    const onFront = new Set(fronts.flatMap((front) => front.points));
    const hollow = (row) => chart.key === 'latency_forecast_ns' && row.forecast;
    const visible = part.points.filter((point) => !isHidden(point));
    const cost = costAxis(chart.points, chart.title + (chart.unit ? ' (' + chart.unit + ')' : ''), section.axis);  // facets share their axes
    const data = visible.map((point) => {
      const row = section.rows[point.row];
      const color = colorOf(section, row);
      return {
        value: [point.x, point.y], point: point, symbol: 'path://' + symbolOf(section, row.model),
        symbolSize: onFront.has(point) ? 15 : 11,
        itemStyle: {
          color: hollow(row) ? colors.paper : color, opacity: onFront.has(point) ? 1 : 0.85,
          borderColor: hollow(row) ? color : onFront.has(point) || point.near ? colors.ink : colors.paper,
          borderType: point.near ? [2, 2] : 'solid',
          borderWidth: hollow(row) ? 2 : onFront.has(point) || point.near ? 1.6 : 0.8,
        },
      };
    });
    // Intervals of one colour are one line with gaps.
    const bars = new Map();
    visible.forEach((point) => {
      const color = colorOf(section, section.rows[point.row]);
      if (!bars.has(color)) bars.set(color, []);
      if (point.low !== undefined) bars.get(color).push([point.x, point.low], [point.x, point.high], [null, null]);
      if (point.x_low !== undefined) bars.get(color).push([point.x_low, point.y], [point.x_high, point.y], [null, null]);
    });
    const whiskers = [...bars].map(([color, line]) => ({
      type: 'line', data: line, symbol: 'none', silent: true, z: 2, lineStyle: { type: 'solid', width: 1.2, opacity: 0.45, color: color },
    }));
    // A front whose rows are all hidden goes with them, unless it is the only one.
    const shown = fronts.filter((front) => front.points.length > 0 && (fronts.length === 1 || front.points.some((p) => !isHidden(p))));
    const lines = shown.map((front, i) => {
      const steps = front.points.map((point) => [point.x, point.y]);
      if (fronts.length === 1) steps.push([cost.max, steps[steps.length - 1][1]]);  // of several, each ends with its rows
      return { type: 'line', step: 'end', data: steps, symbol: 'none', silent: true, z: 1,
               lineStyle: { color: colors.front, width: 1.6, type: frontDashes[i % frontDashes.length] } };
    });
    // The number of a front stands beside its cheapest row.
    const names = { type: 'scatter', silent: true, z: 4, symbolSize: 0.1,
                    data: shown.filter((front) => front.name).map((front) => ({
                      value: [front.points[0].x, front.points[0].y],
                      label: { show: true, formatter: front.name, position: 'left', distance: 10, color: colors.ink, fontSize: 12,
                               backgroundColor: colors.paper, padding: [1, 2] },
                    })) };
    return {
      animation: false,
      grid: { left: 62, right: 20, top: 18, bottom: 48 },
      tooltip: {
        trigger: 'item', confine: true, backgroundColor: colors.panel, borderColor: colors.line,
        textStyle: { color: colors.ink }, formatter: (item) => tooltip(section, item.data.point),
      },
      xAxis: styled(cost, colors, costTicks(cost)),
      yAxis: styled(accuracyAxis(chart.points, section.view.metric + ' (%)'), colors, undefined),
      series: [...lines, ...whiskers, names, { type: 'scatter', data: data, z: 3 }],
    };
  }

  // Names beside points, where they cover no point, no other name and no border: above, below, right or left. What finds no
  // place is told by its tooltip.
  function nameLabels(section, chart, option) {
    const points = option.series[option.series.length - 1].data;
    const size = [chart.getWidth(), chart.getHeight()];
    const taken = points.map((point) => {
      const at = chart.convertToPixel({ seriesIndex: option.series.length - 1 }, point.value), r = point.symbolSize / 2;
      return { left: at[0] - r, right: at[0] + r, top: at[1] - r, bottom: at[1] + r };
    });
    const free = (box) => box.left > 58 && box.right < size[0] - 8 && box.top > 4 && box.bottom < size[1] - 46 &&
      taken.every((other) => box.right < other.left || box.left > other.right || box.bottom < other.top || box.top > other.bottom);
    const order = points.map((point, i) => i).sort((a, b) => points[b].symbolSize - points[a].symbolSize)  // fronts first
      .slice(0, 300);
    const seen = new Set();
    order.forEach((i) => {
      const row = section.rows[points[i].point.row], text = nameOf(row), at = taken[i];
      const width = text.length * 5.6 + 2, height = 12, x = (at.left + at.right) / 2, y = (at.top + at.bottom) / 2;
      const places = {
        top: { left: x - width / 2, right: x + width / 2, top: at.top - 3 - height, bottom: at.top - 3 },
        bottom: { left: x - width / 2, right: x + width / 2, top: at.bottom + 3, bottom: at.bottom + 3 + height },
        right: { left: at.right + 3, right: at.right + 3 + width, top: y - height / 2, bottom: y + height / 2 },
        left: { left: at.left - 3 - width, right: at.left - 3, top: y - height / 2, bottom: y + height / 2 },
      };
      const place = Object.keys(places).find((name) => free(places[name]));
      const key = text + '|' + points[i].value.join();
      if (!place || seen.has(key)) return;
      seen.add(key);
      taken.push(places[place]);
      points[i].label = { show: true, formatter: text, position: place, distance: 3, fontSize: 10, color: css('--soft') };
    });
    return option;
  }

  // For who does not see it: what the chart holds, and its fronts by rising cost.
  function describe(section, chart, model) {
    const part = partOf(section, chart, model), unit = chart.unit || chart.title;
    const fronts = part.fronts.filter((front) => front.points.length).map((front) => (front.name ? 'front ' + front.name : 'Pareto front') + ': ' +
      front.points.slice(0, 12).map((point) => section.rows[point.row].model + ' ' + nameOf(section.rows[point.row]) + ', ' + tidy3(point.x) + ' ' + unit + ', ' +
        point.y.toFixed(2) + ' %').join('; '));
    return chart.title + ' vs ' + section.view.metric + (model === null ? '' : ' of ' + model) + ', ' + part.points.length +
      (part.points.length === 1 ? ' point. ' : ' points. ') + fronts.join('. ');
  }

  // One drawing for a figure, or one for each model.
  function layOut(section, figure) {
    const chart = section.view.charts[Number(figure.dataset.chart)], box = figure.querySelector('.chart');
    (figure.plots || []).forEach((plot) => plot.chart && plot.chart.dispose());
    figure.querySelector('figcaption').textContent = chart.title + ' vs ' + section.view.metric;
    figure.querySelectorAll('.chart-note').forEach((note) => note.remove());
    (chart.points.length ? chart.notes : ['No record has both figures here.']).forEach((text) => {
      const note = document.createElement('p');
      note.className = 'chart-note';
      note.textContent = text;
      figure.append(note);
    });
    const models = section.byModel ? section.models.filter((model) => chart.points.some((point) => section.rows[point.row].model === model)) : [null];
    box.textContent = '';
    box.hidden = chart.points.length === 0;
    box.setAttribute('aria-label', models.map((model) => describe(section, chart, model)).join(' '));
    figure.plots = box.hidden ? [] : models.map((model) => {
      if (model !== null) {
        const name = document.createElement('div');
        name.className = 'facet';
        name.textContent = model;
        box.append(name);
      }
      const place = document.createElement('div');
      place.className = 'plot';
      box.append(place);
      return { model: model, place: place, data: chart };
    });
    figure.stale = true;
  }

  function drawFigure(section, figure) {
    if (!figure.stale) return;
    figure.stale = false;
    figure.plots.forEach((plot) => {
      plot.chart = plot.chart || echarts.init(plot.place, null, { renderer: 'svg' });
      const option = optionOf(section, plot.data, plot.model);
      plot.chart.setOption(option, true);
      plot.chart.setOption(nameLabels(section, plot.chart, option), true);
      // Paper has another width than the screen: there the drawing is scaled.
      plot.place.querySelector('svg').setAttribute('viewBox', '0 0 ' + plot.chart.getWidth() + ' ' + plot.chart.getHeight());
    });
  }

  function select(title, name, options, chosen) {
    const label = document.createElement('label'), input = document.createElement('select');
    input.name = name;
    options.forEach((option) => input.add(new Option(option)));
    input.addEventListener('change', () => chosen(input.value));
    label.append(title, input);
    return label;
  }

  function drawViews(section, relay, redraw) {
    const metrics = distinct(section.views.map((view) => view.metric)), places = distinct(section.views.map((view) => view.place));
    const wanted = { metric: section.view.metric, place: section.view.place };
    const choose = (kind) => (value) => {
      wanted[kind] = value;
      section.view = section.views.find((view) => view.metric === wanted.metric && view.place === wanted.place);
      relay();
    };
    if (metrics.length > 1) section.choices.append(select('Accuracy', 'metric', metrics, choose('metric')));
    if (places.length > 1) section.choices.append(select('Runtime and threads', 'place', places, choose('place')));
    section.choices.append(select('Axis of costs', 'axis', ['automatic', 'linear', 'logarithmic'], (value) => { section.axis = value; redraw(); }));
    if (section.models.length > 1) {
      section.choices.append(select('Models', 'models', ['in one chart', 'a chart for each'], (value) => {
        section.byModel = value === 'a chart for each';
        relay();
      }));
    }
  }

  // What is best on each device within limits that the reader sets: the fastest method that keeps the accuracy and the size. What
  // was measured and what was forecast are answers of their own.
  function drawChoice(section, place) {
    const all = section.views.filter((view) => view.metric === section.view.metric).pop();  // of all places
    const candidates = all.charts.filter((chart) => chart.key === 'latency_p50_ns' || chart.key === 'latency_forecast_ns')
      .flatMap((chart) => chart.points.map((point) => ({
        row: section.rows[point.row], accuracy: point.y, ms: point.x, seeds: point.seeds, forecast: chart.key === 'latency_forecast_ns',
        group: chart.fronts.length > 1 ? chart.fronts[point.front].name : '',
      })));
    if (candidates.length < 2) return;
    const span = (values) => [Math.min(...values), Math.max(...values)];
    const goals = [
      { title: 'Accuracy of at least', unit: '%', range: span(candidates.map((one) => one.accuracy)), ceiling: false, of: (one) => one.accuracy },
      { title: 'Latency of at most', unit: 'ms', range: span(candidates.map((one) => one.ms)), ceiling: true, of: (one) => one.ms },
      { title: 'Weights of at most', unit: 'MB', ceiling: true, of: (one) => one.row.megabytes,
        range: span(candidates.map((one) => one.row.megabytes).filter((size) => size !== null)) },
    ].filter((goal) => goal.range[1] > goal.range[0]);
    const placeOf = (one) => [one.row.device, one.forecast, one.group].join('\n');
    const places = distinct(candidates.map(placeOf));
    const at = (key) => candidates.filter((one) => placeOf(one) === key);
    // One point below the best of each place, so that none is without an answer.
    const floor = Math.min(...places.map((key) => Math.max(...at(key).map((one) => one.accuracy)))) - 1;
    const heading = document.createElement('h3');
    heading.textContent = 'The best for a goal, on each device';
    const limits = document.createElement('div'), answer = document.createElement('div');
    limits.className = 'limits';
    answer.setAttribute('aria-live', 'polite');
    place.append(heading, limits, answer);
    goals.forEach((goal) => {
      const label = document.createElement('label'), input = document.createElement('input'), shown = document.createElement('output');
      // Equal factors where values span a wide range; ends lie outside of all values.
      const [low, high] = goal.range, log = goal.ceiling && low > 0 && high / low > 6;
      input.type = 'range';
      input.min = 0;
      input.max = 200;
      input.value = goal.ceiling ? 200 : Math.floor(Math.max(0, 200 * (floor - low) / (high - low)));
      goal.limit = () => log ? low * Math.pow(high / low, input.value / 200) : low + (high - low) * input.value / 200;
      const tell = () => { shown.textContent = Number(goal.limit().toPrecision(4)) + ' ' + goal.unit; };
      input.addEventListener('input', () => { tell(); decide(); });
      label.append(goal.title, shown, input);
      limits.append(label);
      tell();
    });
    function decide() {
      const allowed = (one) => goals.every((goal) => {
        const value = goal.of(one), limit = goal.limit();
        return value !== null && (goal.ceiling ? value <= limit * (1 + 1e-9) : value >= limit * (1 - 1e-9));
      });
      const lines = places.map((key) => {
        const there = at(key), fitting = there.filter(allowed), least = Math.min(...fitting.map((one) => one.ms));
        // Another timing may differ by a percent: among those the most accurate one.
        const fit = fitting.filter((one) => one.ms <= 1.01 * least).sort((a, b) => b.accuracy - a.accuracy || a.ms - b.ms)[0];
        const device = escapeHtml(there[0].row.device) + (there[0].forecast ? ' (forecast)' : '') +
          (there[0].group ? ', timed in group ' + escapeHtml(there[0].group) : '');
        if (!fit) return '<tr><td>' + device + '</td><td colspan="4">nothing meets these limits</td></tr>';
        const threads = fit.row.threads === null ? '' : ', ' + fit.row.threads + (fit.row.threads === 1 ? ' thread' : ' threads');
        const make = fit.row.make.length ? '<details><summary>how to make it</summary><pre>' + fit.row.make.map(escapeHtml).join('\n') + '</pre></details>' : '';
        return '<tr><td>' + device + '</td><td>' + escapeHtml(fit.row.label) + threads + (fit.seeds > 1 ? ' (mean of ' + fit.seeds + ' seeds)' : '') +
          (fit.row.artifact ? '<br><code>' + escapeHtml(fit.row.artifact) + '</code>' : '') + make + '</td><td class="number">' + fit.accuracy.toFixed(2) +
          '</td><td class="number">' + Number(fit.ms.toPrecision(3)) + '</td><td class="number">' +
          (fit.row.megabytes === null ? '-' : Number(fit.row.megabytes.toPrecision(3))) + '</td></tr>';
      });
      answer.innerHTML = '<div class="scroll"><table><thead><tr><th scope="col">Device</th><th scope="col">Fastest within the limits<span class="unit">to 1 %: then the most accurate</span></th>' +
        '<th scope="col" class="number">' + escapeHtml(section.view.metric) + '<span class="unit">%</span></th><th scope="col" class="number">p50<span class="unit">ms</span></th>' +
        '<th scope="col" class="number">Weights<span class="unit">MB</span></th></tr></thead><tbody>' + lines.join('') + '</tbody></table></div>';
    }
    decide();
  }

  function drawCharts(sections) {
    if (typeof echarts === 'undefined') return;
    const all = sections.flatMap((section) => section.figures.map((figure) => [section, figure]));
    // Only what is in sight is drawn, and the rest before it comes.
    const seen = new Set();
    const draw = (which) => all.filter(which).forEach(([section, figure]) => drawFigure(section, figure));
    const redraw = () => {
      all.forEach(([, figure]) => { figure.stale = true; });
      draw(([, figure]) => seen.has(figure));
    };
    const watch = new IntersectionObserver((entries) => {
      entries.forEach((entry) => (entry.isIntersecting ? seen.add(entry.target) : seen.delete(entry.target)));
      draw(([, figure]) => seen.has(figure));
    }, { rootMargin: '600px' });
    sections.forEach((section) => {
      const relay = () => {
        section.figures.forEach((figure) => layOut(section, figure));
        drawKeys(section, redraw);
        draw(([, figure]) => seen.has(figure));
      };
      drawViews(section, relay, redraw);
      relay();
    });
    all.forEach(([, figure]) => watch.observe(figure));
    const resize = () => {
      all.forEach(([, figure]) => figure.plots.forEach((plot) => plot.chart && plot.chart.resize()));
      redraw();
    };
    window.addEventListener('resize', resize);
    window.addEventListener('beforeprint', () => draw(() => true));
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
    matchMedia('print').addEventListener('change', () => {
      all.forEach(([, figure]) => { figure.stale = true; });
      draw(() => true);
    });
  }

  const sections = readSections();
  sections.forEach((section) => drawChoice(section, section.best));
  drawCharts(sections);
})();
