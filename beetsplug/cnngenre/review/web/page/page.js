// The review page.  Names come from files of unknown origin: they go into the page as text only.

const ROW = 56; // pixels, as --row in page.css
const CHUNK = 50;
const MAX_CHUNKS = 20;
const N_BUTTONS = 9;
const SEEK_S = 10;
const SLOW_MS = 1000;
const CATCH_UP_MS = 2000;
const MAX_TRIES = 30;
const STATES = { left: "", skipped: "skipped", failed: "cannot be written", gone: "changed elsewhere" };

const $ = (id) => document.getElementById(id);
const player = $("player");

let total = 0;
let current = null;
let busy = false;
const chunks = new Map(); // number -> rows, or the promise of them

function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function say(text, bad = false) {
  $("said").textContent = text;
  $("said").classList.toggle("bad", bad);
}

// Asking the server

async function ask(address, content) {
  const change = content !== undefined && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(content),
  };
  let response;
  try {
    response = await fetch(address, change || {});
  } catch {
    throw Object.assign(new Error("beet does not answer. Has it ended?"), { answer: {}, lost: true });
  }
  const isJson = (response.headers.get("Content-Type") || "").startsWith("application/json");
  const answer = isJson ? await response.json() : { error: (await response.text()).trim() };
  if (!response.ok) throw Object.assign(new Error(answer.error), { answer });
  return answer;
}

// One change at a time: a key that is held down decides about one track only.
async function change(address, content) {
  if (busy) return null;
  busy = true;
  const slow = setTimeout(() => say("Writing \u2026"), SLOW_MS);
  try {
    const standing = await ask(address, content);
    if (!standing.unknown) show(standing);
    return standing;
  } catch (error) {
    if (error.answer === undefined) throw error;
    say(error.message, true);
    if (error.lost) catchUp();
    return null;
  } finally {
    clearTimeout(slow);
    busy = false;
  }
}

// The answer to a change was lost, and it may have been made: what has come of it is shown.
async function catchUp() {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    await new Promise((done) => { setTimeout(done, CATCH_UP_MS); });
    if (busy) return;
    try {
      show(await ask("session"));
      return;
    } catch (error) {
      if (!error.lost) return;
    }
  }
}

// The track

function show(standing) {
  const { progress, track, said } = standing;
  showProgress(progress);
  say(said);
  showNewNames(standing.new_names);
  if (track) showTrack(track);
  showDone(progress);
  chunks.clear();
  drawList();
}

function showProgress(progress) {
  total = progress.total;
  $("bar").max = total;
  $("bar").value = total - progress.left;
  const skipped = progress.skipped ? `, ${progress.skipped} skipped` : "";
  $("progress").textContent = progress.left
    ? `${progress.decided} decided${skipped}, ${progress.left} left`
    : `${progress.decided} decided${skipped}: all done`;
  $("undo").disabled = !progress.can_undo;
}

function showTrack(track) {
  const another = !current || current.id !== track.id;
  current = track;
  document.title = `${track.title} - Genre review`;
  $("title").textContent = track.title;
  $("by").textContent = [track.artist, track.album].filter(Boolean).join(" \u2013 ");
  const genres = track.genres.join("; ");
  $("present").hidden = !genres;
  $("present").textContent = `Has: ${genres}`;
  $("reason").textContent = track.reason;
  const hadFocus = $("candidates").contains(document.activeElement);
  $("candidates").replaceChildren(...track.ranked.slice(0, N_BUTTONS).map(candidate));
  if (hadFocus) $("title").focus({ preventScroll: true }); // the focused button is gone
  $("typed").value = "";
  showScope(track);
  if (another) {
    showPicture(track);
    load(track);
    bringIntoView(track.place);
  }
}

// What the decision is for: the track, or all unsure ones of its album or artist.
function showScope(track) {
  const { album, artist } = track.fellows;
  const options = [["track", "this track"]];
  if (album) options.push(["album", `all ${album + 1} unsure tracks of this album`]);
  if (artist) options.push(["artist", `all ${artist + 1} unsure tracks by this artist`]);
  $("scope").replaceChildren(
    ...options.map(([value, text]) => Object.assign(element("option", text), { value })),
  );
  $("scope-line").hidden = options.length === 1;
}

// The end: what was done, and what to do next.
function showDone(progress) {
  const isDone = progress.left === 0;
  $("main").classList.toggle("done", isDone);
  $("done").hidden = !isDone;
  if (!isDone) return;
  player.pause();
  const counts = [
    [progress.accepted, "as the model said"],
    [progress.corrected, "corrected by you"],
    [progress.skipped, "skipped: they stay unsure"],
    [progress.failed, "failed: their files cannot be read or written"],
    [progress.gone, "changed elsewhere, and left as they are"],
  ];
  $("done-counts").replaceChildren(
    ...counts.filter(([n]) => n).map(([n, text]) => {
      const item = element("li", ` ${text}`);
      item.prepend(element("span", String(n), "count"));
      return item;
    }),
  );
  const next = [
    progress.sure && ["beet cnngenre", `writes the genres of the ${progress.sure} tracks that the model is sure of`],
    progress.decided && ["beet cnntrain", "trains a model on your library, with your decisions"],
    ["beet cnnundo", "takes back what beet cnngenre has written"],
  ].filter(Boolean);
  $("done-next").replaceChildren(
    ...next.map(([command, text]) => {
      const line = element("div");
      const term = element("dt");
      term.append(element("code", command));
      line.append(term, element("dd", text));
      return line;
    }),
  );
  $("done-undo").hidden = !progress.can_undo;
  $("done-skipped").hidden = !progress.skipped;
  document.title = "Done - Genre review";
  $("done-title").focus({ preventScroll: true });
}

function candidate(score, index) {
  const item = element("li");
  const isBest = score.genre === current.best;
  const keys = isBest ? [String(index + 1), "a"] : [String(index + 1)];
  const button = element("button", "", isBest ? "best" : "");
  button.type = "button";
  button.setAttribute("aria-keyshortcuts", keys.join(" "));
  const amount = element("span", "", "amount");
  amount.style.width = `${100 * score.probability}%`;
  button.append(
    amount,
    ...keys.map((key) => element("kbd", key)),
    element("span", score.genre, "name"),
    element("span", score.percent, "value"),
  );
  button.addEventListener("click", () => decide([score.genre]));
  item.append(button);
  return item;
}

function showPicture(track) {
  const image = $("picture");
  $("no-picture").hidden = true;
  $("frame").hidden = false;
  $("playhead").hidden = true;
  image.classList.add("waiting");
  image.alt = `Spectrogram of ${track.title}, with the votes of its slices. ${track.reason}`;
  image.src = `tracks/${track.id}/picture`;
}

$("picture").addEventListener("load", () => {
  $("picture").classList.remove("waiting");
  $("playhead").hidden = false;
  if (current.next && current.next !== current.id) {
    new Image().src = `tracks/${current.next}/picture`; // drawn while the user listens
  }
});

$("picture").addEventListener("error", async () => {
  const track = current.id;
  const reason = await ask(`tracks/${track}/picture`).then(() => "", (error) => error.message);
  if (track !== current.id) return;
  const again = `tracks/${track}/picture?again`;
  if (!reason && !$("picture").src.endsWith(again)) { // it was given up too early
    $("picture").src = again;
    return;
  }
  $("frame").hidden = true;
  $("no-picture").hidden = false;
  $("no-picture").textContent = reason;
});

// Deciding

async function decide(genres) {
  await change("decide", { track: current.id, genres, scope: $("scope").value });
}

async function decideTyped(text, meant = false) {
  const track = current.id;
  const answer = await change("decide", { track, text, meant, scope: $("scope").value });
  if (answer && answer.unknown) {
    const names = answer.unknown.map((name) => `\u201c${name}\u201d`).join(", ");
    $("meant-names").textContent = `Neither the model nor your library has ${names}. Write it anyway?`;
    $("meant").showModal();
    $("meant-no").focus();
    $("meant-yes").onclick = () => {
      $("meant").close();
      if (track === current.id) decideTyped(text, true);
    };
  } else if (answer) {
    $("title").focus({ preventScroll: true }); // so that keys are keys again
  }
}

function showNewNames(names) {
  const known = new Set([...$("genres").children].map((option) => option.value));
  for (const name of names.filter((one) => !known.has(one))) {
    $("genres").append(Object.assign(document.createElement("option"), { value: name }));
  }
}

const skip = () => change("skip", { track: current.id });
const undo = () => change("undo", {});

const go = (id) => showOther(() => ask(`tracks/${id}`));

async function step(by) {
  const place = current.place + by;
  if (place < 0 || place >= total) return;
  await showOther(async () => {
    const [row] = await ask(`tracks?start=${place}&count=1`);
    return ask(`tracks/${row.id}`);
  });
}

async function showOther(find) {
  try {
    showTrack(await find());
    $("main").classList.remove("done");
    $("done").hidden = true;
    say("");
    drawList();
  } catch (error) {
    if (error.answer === undefined) throw error;
    say(error.message, true);
  }
}

// The player

function load(track) {
  const goesOn = !player.paused && !player.ended;
  $("no-sound").hidden = true;
  player.src = `tracks/${track.id}/audio`;
  if (goesOn) play();
}

function play() {
  player.play().catch(() => {}); // what cannot be played says so by an event
}

player.addEventListener("error", () => { $("no-sound").hidden = false; });

function movePlayhead() {
  const part = player.duration ? player.currentTime / player.duration : 0;
  $("playhead").style.left = `${100 * part}%`;
}

for (const event of ["timeupdate", "seeking", "loadedmetadata", "emptied"]) {
  player.addEventListener(event, movePlayhead);
}

function seekTo(seconds) {
  if (player.duration) player.currentTime = Math.min(Math.max(seconds, 0), player.duration);
}

$("seek").addEventListener("click", (event) => {
  seekTo((event.offsetX / $("seek").clientWidth) * (player.duration || 0));
  play();
});

function placeSeek(plot) {
  const style = $("seek").style;
  style.left = `${100 * plot.left}%`;
  style.width = `${100 * (plot.right - plot.left)}%`;
  style.top = `${100 * plot.top}%`;
  style.height = `${100 * (plot.bottom - plot.top)}%`;
}

// The list: the page has the rows that are seen, and no others

function rowsOf(number) {
  if (!chunks.has(number)) {
    const promise = ask(`tracks?start=${number * CHUNK}&count=${CHUNK}`)
      .then((rows) => {
        if (chunks.get(number) !== promise) return;
        chunks.set(number, rows);
        drawList();
      })
      .catch(() => { if (chunks.get(number) === promise) chunks.delete(number); });
    chunks.set(number, promise);
    while (chunks.size > MAX_CHUNKS) chunks.delete(chunks.keys().next().value);
  }
  return chunks.get(number);
}

function drawList() {
  const list = $("list");
  $("rows").style.height = `${total * ROW}px`;
  const first = Math.max(Math.floor(list.scrollTop / ROW) - 3, 0);
  const last = Math.min(Math.ceil((list.scrollTop + list.clientHeight) / ROW) + 3, total);
  const focused = $("rows").contains(document.activeElement) && document.activeElement.dataset.place;
  const drawn = [];
  for (let place = first; place < last; place += 1) {
    const rows = rowsOf(Math.floor(place / CHUNK));
    if (Array.isArray(rows) && rows[place % CHUNK]) drawn.push(listRow(rows[place % CHUNK]));
  }
  if (!drawn.length && last > first) return; // until they come, the old ones stay
  $("rows").replaceChildren(...drawn);
  if (focused) $("rows").querySelector(`[data-place="${focused}"]`)?.focus({ preventScroll: true });
}

function listRow(row) {
  const item = element("li", "", row.state);
  item.style.top = `${row.place * ROW}px`;
  item.setAttribute("aria-setsize", String(total));
  item.setAttribute("aria-posinset", String(row.place + 1));
  const button = element("button");
  button.type = "button";
  button.dataset.place = String(row.place);
  if (current && row.id === current.id) button.setAttribute("aria-current", "true");
  button.append(
    element("span", row.title, "title"),
    element("span", row.artist, "artist"),
    element("span", row.decided.join("; ") || STATES[row.state], "state"),
  );
  button.addEventListener("click", () => go(row.id));
  item.append(button);
  return item;
}

function bringIntoView(place) {
  const list = $("list");
  const top = place * ROW;
  $("rows").style.height = `${total * ROW}px`;
  if (top < list.scrollTop || top + ROW > list.scrollTop + list.clientHeight) {
    list.scrollTop = Math.max(top - list.clientHeight / 3, 0);
  }
}

$("list").addEventListener("scroll", () => requestAnimationFrame(drawList));
window.addEventListener("resize", () => requestAnimationFrame(drawList));

// Keys

const KEYS = {
  a: () => current.best && decide([current.best]),
  s: skip,
  u: undo,
  o: () => $("typed").focus(),
  j: () => step(1),
  k: () => step(-1),
  " ": () => (player.paused ? play() : player.pause()),
  ArrowLeft: () => seekTo(player.currentTime - SEEK_S),
  ArrowRight: () => seekTo(player.currentTime + SEEK_S),
  "?": () => $("keys").showModal(),
};

function keyed(key) {
  const score = /^[1-9]$/.test(key) && current.ranked[Number(key) - 1];
  return score ? () => decide([score.genre]) : KEYS[key];
}

// Letters and digits are the page's: the list of scopes would choose what begins with them.
function isForScope(event) {
  return event.target === $("scope") && (event.key.length > 1 || event.key === " ");
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !current || isForScope(event)) return;
  if (event.target === $("scope")) event.preventDefault();
  if (event.repeat) return;
  if (document.querySelector("dialog[open]")) return;
  if (!$("done").hidden && !["u", "?"].includes(event.key.toLowerCase())) return;
  const target = event.target;
  if (target === $("typed")) {
    if (event.key === "Escape") $("title").focus({ preventScroll: true });
    return;
  }
  // A focused button or player has its own use for some keys.
  if (target.closest("button") && event.key === " ") return;
  if (target === player && (event.key === " " || event.key.startsWith("Arrow"))) return;
  const act = keyed(event.key.length === 1 ? event.key.toLowerCase() : event.key);
  if (!act) return;
  event.preventDefault();
  act();
});

$("skip").addEventListener("click", skip);
$("undo").addEventListener("click", undo);
$("help").addEventListener("click", () => $("keys").showModal());
$("done-undo").addEventListener("click", undo);
$("done-skipped").addEventListener("click", () => change("again", {}));
$("meant-no").addEventListener("click", () => $("meant").close());
$("meant").addEventListener("close", () => { if ($("typed").value) $("typed").focus(); });
$("other").addEventListener("submit", (event) => {
  event.preventDefault();
  if ($("typed").value.trim()) decideTyped($("typed").value);
});

// To begin with

try {
  const session = await ask("session");
  placeSeek(session.plot);
  showNewNames(session.genres);
  show(session);
} catch (error) {
  if (error.answer === undefined) throw error;
  say(error.message, true);
}
