import { AlertFeed } from "./alert-feed.ts";
import { LineFeed } from "./line-feed.ts";
import { StoreFeed } from "./store-feed.ts";

/** What gives a sink its results, by their kind. */
export const FEEDS = { alerts: AlertFeed, lines: LineFeed, windows: StoreFeed } as const;
