// Every chart, in the order of the page. A module has: name, question, prepare(results) -> [data], title(data),
// subtitle(data), table(data), height(data, width), option(data, size, colours). What prepare returns is plain JSON.

import * as bytes from './bytes.js';
import * as connection from './connection.js';
import * as intervals from './intervals.js';
import * as load from './load.js';
import * as tail from './tail.js';
import * as throughput from './throughput.js';
import * as which from './which.js';

export const charts = [which, tail, load, throughput, intervals, bytes, connection];
