// The colours before the first paint: the person's choice, else the system's. Loaded ahead of the page, on its own.
{
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  let chosen = null;
  try {
    chosen = localStorage.getItem("interlock.theme");
  } catch { /* storage is off: follow the system */ }
  const apply = () => {
    root.dataset.theme = chosen ?? (dark.matches ? "dark" : "light");
    document.dispatchEvent(new Event("theme"));
  };
  apply();
  dark.addEventListener("change", apply);
  globalThis.toggleTheme = () => {
    chosen = root.dataset.theme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("interlock.theme", chosen);
    } catch { /* it holds until the page is left */ }
    apply();
  };
}
