/** The title of what is open, for the tab and for the narrow page's bar. */

class PageTitle {
  /** Set by a page that knows better than its name: a session's title. Cleared when the page changes. */
  own = $state("");
}

export const pageTitle = new PageTitle();
