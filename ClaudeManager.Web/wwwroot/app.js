// The few things only the browser knows or can do. Loaded before Blazor; no page has inline script.
window.claudeManager = {
  timeZone: () => Intl.DateTimeFormat().resolvedOptions().timeZone ?? null,

  copy: async text => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return false;
    }
  },

  // Follows the end of a growing page only for a viewer who is already there.
  nearBottom: () => window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 160,
  toBottom: () => window.scrollTo({ top: document.documentElement.scrollHeight }),
};

// Blazor gives up after a while, or finds that the server has forgotten the circuit; the page itself has lost nothing that a reload does not bring back.
(() => {
  const notice = document.getElementById("components-reconnect-modal");
  notice?.addEventListener("components-reconnect-state-changed", event => {
    if (event.detail.state === "rejected") {
      location.reload();
    }
  });
  notice?.querySelector("button")?.addEventListener("click", async () => {
    try {
      if (!(await Blazor.reconnect())) {
        location.reload();
      }
    } catch {
      // Still away: the notice stays.
    }
  });
})();
