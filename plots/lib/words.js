// The prose of the page. HTML; nothing of the data in it.

export const READING = `
<h3>Which transport</h3>
<p>Each cell says how many times worse the row is than the best median of its column. ★ is given by a test, not by the median:
the 95 % interval of the ratio between two rows, paired round by round, has to lie outside the margin for a win, inside it for a
tie. Typical mistake: taking 1.1× without a star for a difference. <b>tcp</b> is the floor, raw messages without any protocol, and
competes with nobody.</p>
<h3>The slowest users</h3>
<p>Every step to the right is ten times rarer: 99 % means one operation in a hundred was slower. The band runs from the lowest run to
the highest. Typical mistake: reading on where a line has ended; fewer than ten operations lie beyond, which says nothing.</p>
<h3>Under load</h3>
<p>Open loop: operations start when the schedule says, whatever the server does, so waiting is counted. ✕ marks loads at which fewer
than 95 % of the operations completed.</p>
<h3>Intervals</h3>
<p>Dot: median over runs. Bar: 95 % interval of that median. Small ticks above: the runs themselves. Bars that overlap
may still be different, since rounds pair the rows; the sentence above the chart is the verdict.</p>
<h3>Bytes</h3>
<p>TCP/IP bytes both ways, one message. Small messages cost less in a row that puts several of them into one segment.</p>
<h3>Words</h3>
<dl>
<dt>row</dt><dd>a delivery over a carrier: sse/h1 is Server-Sent Events over HTTP/1.1, sse/h2 over HTTP/2; h1-close is one connection a request</dd>
<dt>group</dt><dd>cells that are compared with each other: same stack, workload, load and payload</dd>
<dt>run, round</dt><dd>one process pair measuring one cell once; a round runs every cell once, in random order</dd>
<dt>p99</dt><dd>99 % of the operations took at most this long, from the moment they were due</dd>
<dt>win, tie, no claim</dt><dd>the ratio lies outside the margin; inside it; or the runs do not decide</dd>
<dt>suspect, invalid</dt><dd>the measurement, not the transport, was disturbed: shown hatched, wins nothing</dd>
</dl>`;

export const METHOD = `
<ul>
<li>Latency counts from the <em>intended</em> time of an operation to the return of the read that completed it: a stall delays everything
scheduled during it, and all of that is in the figures.</li>
<li>The unit of inference is the process run. Quantiles are taken per run, then the median over runs; no samples are pooled and no run is dropped
because it was slow.</li>
<li>Comparisons pair rounds and need six of them. Margins: 5 % for latency and throughput, 3 % for CPU.</li>
<li>A quantile needs samples: p50 200 operations a run, p95 2,000, p99 10,000, p99.9 100,000. Otherwise it is not shown.</li>
<li>Everything ran over the loopback of one machine: no real network, no loss, no proxies, no TLS unless the conditions name it. A loopback hides
the cost of round trips, which is where polling loses most.</li>
<li>Server and load generator run on one machine, on a core each where there are two; caches, memory and what the system itself does are
shared. CPU figures are per operation; busy cores raise latencies of all rows.</li>
<li>Not measured here: browsers, mobile radios, millions of connections, and any stack that is not in the table.</li>
</ul>`;

export const HELP = `
<h2 id="help-title">Keys</h2>
<dl><dt><kbd>t</kbd></dt><dd>light or dark</dd><dt><kbd>1</kbd> to <kbd>9</kbd></dt><dd>go to a section</dd>
<dt><kbd>←</kbd> <kbd>→</kbd></dt><dd>in the metric buttons: another metric</dd><dt><kbd>?</kbd></dt><dd>this list</dd><dt><kbd>Esc</kbd></dt><dd>close</dd></dl>`;
