// Copy buttons appear only where they can work: with this script, on a page that may write to the clipboard.
const status = document.querySelector('.copied');

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    status.textContent = `Copied: ${button.dataset.copy}`;
    button.textContent = 'Copied';
  } catch {
    status.textContent = 'The browser did not allow copying. Select the text instead.';
  }
  setTimeout(() => {
    button.textContent = 'Copy';
  }, 1500);
}

for (const button of document.querySelectorAll('button[data-copy]')) {
  if (navigator.clipboard === undefined) continue;
  button.hidden = false;
  button.addEventListener('click', () => copy(button));
}
