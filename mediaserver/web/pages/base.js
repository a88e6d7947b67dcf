/** What the pages of a stream have in common. */

/** An element of the page by its id. */
export const of = (id) => document.getElementById(id);

/** Where the stream is: its address below the page's kind, and what a client connects to and asks for. */
export const { name: path, application, instance, stream } = document.body.dataset;

/** What people are told of a refusal: without what a client of Flash Media Server expects in front of it. */
export const plain = (reason) => reason.replace(/^\[ Server\.Reject \] : (\([^)]*\) : )?/, "");

const escaped = (name) => name.split("/").map(encodeURIComponent).join("/");

/** What the page is asked with but for those names, with its question mark; "": nothing. */
export function askedWithout(...names) {
  const rest = new URLSearchParams([...new URLSearchParams(location.search)].filter(([name]) => !names.includes(name))).toString();
  return rest === "" ? "" : `?${rest}`;
}

/**
 * The instance, as NetConnection.connect takes it. What the page is asked with, and is neither its own nor the stream's, a script
 * finds in client.uri: a ticket, perhaps.
 */
export const instanceURL = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/${escaped(application)}/${escaped(instance)}${askedWithout("way", "embed", "key", "track")}`;

/** The address of something of the stream's, below a folder: its page of another kind, or itself. */
export const addressOf = (folder) => `${folder}${escaped(path)}`;
