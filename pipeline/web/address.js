// What is searched and filtered in a view stands in the address, so that a reload, Back and a bookmark find it again.

/** What was chosen in the view that the address names. */
export function chosen() {
  return new URLSearchParams(location.hash.split("?")[1] ?? "");
}

/** Exchange what the address holds of these names, "" for nothing; it is no step that Back goes over. */
export function remember(values) {
  const query = chosen();
  for (const [name, value] of Object.entries(values)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  const place = location.hash.split("?")[0];
  const address = query.size ? `${place}?${query}` : place;
  if (address !== location.hash) history.replaceState(history.state, "", address);
}

/** The values of an address that has any of these names, "" for each that it has not; else null: it was reached by a
 * link within the view, where all stays as it is. */
export function recalled(...names) {
  const query = chosen();
  if (!names.some((name) => query.has(name))) return null;
  return Object.fromEntries(names.map((name) => [name, query.get(name) ?? ""]));
}

/** Mark the one of these buttons that is chosen. */
export function press(buttons, chosenOne) {
  for (const one of buttons) one.setAttribute("aria-pressed", String(chosenOne(one)));
}
