// Unpacks the chart library that the page carries. Null where the browser cannot: the still pictures stay.

export async function library() {
  const packed = document.getElementById('library').textContent;
  try {
    const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    const script = document.createElement('script');
    script.textContent = await new Response(stream).text();
    document.head.append(script);
    script.remove();
    return globalThis.echarts ?? null;
  } catch {
    return null;
  }
}
