// The layout lint. Runs inside the page: finds text that leaves its picture, text on text, letters that are too small, and a
// page that scrolls sideways.

export function lint() {
  const found = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth + 1)
    found.push(`the page scrolls sideways: ${root.scrollWidth} > ${root.clientWidth}`);
  for (const svg of document.querySelectorAll('figure svg')) {
    const frame = svg.getBoundingClientRect();
    if (frame.width === 0) continue; // the variant for another width
    const name = svg.closest('figure').id;
    const scale = frame.width / svg.viewBox.baseVal.width || 1;
    const texts = [...svg.querySelectorAll('text')]
      .filter((text) => text.textContent.trim())
      .map((text) => ({
        text: text.textContent,
        box: text.getBoundingClientRect(),
        size: parseFloat(getComputedStyle(text).fontSize) * scale,
      }));
    for (const { text, box, size } of texts) {
      if (
        box.left < frame.left - 1 ||
        box.right > frame.right + 1 ||
        box.top < frame.top - 1 ||
        box.bottom > frame.bottom + 1
      )
        found.push(`${name}: "${text}" is outside`);
      if (size < 10.95) found.push(`${name}: "${text}" is ${size.toFixed(1)} px`);
    }
    texts.sort((a, b) => a.box.left - b.box.left);
    texts.forEach((a, i) => {
      for (const b of texts.slice(i + 1)) {
        if (b.box.left > a.box.right) break;
        const across = Math.min(a.box.right, b.box.right) - b.box.left;
        const down = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
        if (across > 1 && down > 3) found.push(`${name}: "${a.text}" on "${b.text}"`);
      }
    });
  }
  return [...new Set(found)].slice(0, 12);
}
