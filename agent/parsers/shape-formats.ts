/**
 * Formats that shapes describe: data, one entry a format. `line-shape.ts` says what a shape means.
 *
 * Within a format the shapes that say more stand first. A shape that ends in `{message}` also takes the lines of a stack trace that were
 * joined to its line.
 */
import { ISO_PREFIX_LAYOUT } from "../../shared/time/time-layout.ts";
import type { ShapeFormat } from "./shape-parser.ts";

/** How the shapes of most formats begin. */
export const ISO = `{time:${ISO_PREFIX_LAYOUT}}`;
const GO = "{time:yyyy/MM/dd HH:mm:ss[.SSS][[ ]Z]}";
const DAY_FIRST = "{time:dd-MMM-yyyy HH:mm:ss[.SSS][ Z]}";
const APACHE = "[{time:ansi_c}]";
const REDIS = "{time:d MMM[ yyyy] HH:mm:ss[.SSS]}";
const POSTGRES_TIME = "{time:yyyy-MM-dd HH:mm:ss[.SSS] Z}";
/** The prefix of Amazon's RDS, `%t:%r:%u@%d:[%p]:`. */
const POSTGRES_RDS = `${POSTGRES_TIME}:{client}:{session}:[{pid:int}]:`;
/** What a `log_line_prefix` begins with; users, databases and more may follow. */
const POSTGRES_PREFIXES = [
  `${POSTGRES_TIME} [{pid:int}]`,
  `${POSTGRES_TIME} [{pid:int}-{line:int}]`,
  `${POSTGRES_TIME} [{pid:int}]: [{line}]`,
  `${POSTGRES_TIME} [{pid:int}]:`,
  `{client:word} ${POSTGRES_TIME} [{pid:int}]`,
  "{time:epoch_ms} [{pid:int}-{line:int}]",
];
/** A statement with its duration; two spaces stand behind the level, so that no text of a statement is taken for it. */
const POSTGRES_DURATION = "LOG:  duration: {duration:number:ms} ms {message}";
const LOGCAT = "{time:[yyyy-]MM-dd HH:mm:ss[.SSS]}";

const HAPROXY_SYSLOG = "{time:MMM d HH:mm:ss} {host:word} haproxy[{pid:int}]:";
const HAPROXY =
  "{client:word} [{time:dd/MMM/yyyy:HH:mm:ss.SSS}] {frontend:word} {backend}/{server:word}";
const HAPROXY_REQUEST =
  `${HAPROXY} {queue_wait}/{backend_wait}/{connect}/{response}/(+)?{duration:number:ms} {status} ` +
  "(+)?{bytes:int} {request_cookie:word} {response_cookie:word} {end:word} {connections:word} {queues:word} {captures}";
const HAPROXY_HTTP = `${HAPROXY_REQUEST}"{message}"`;
/** Requests that are too long lose their end, the closing quote too. */
const HAPROXY_HTTP_CUT = `${HAPROXY_REQUEST}"{message}`;
const HAPROXY_TCP = `${HAPROXY} {backend_wait}/{connect}/(+)?{duration:number:ms} (+)?{bytes:int} {message}`;

/** Java's loggers: the patterns of log4j, logback, Spring Boot, Hadoop, ZooKeeper, Kafka, Elasticsearch, Cassandra. */
const JAVA = [
  `${ISO} {level:upper} {pid:int} --- [{application}] [{thread}] {logger:word} : {message}`,
  `${ISO} {level:upper} {pid:int} --- [{thread}] {logger} : {message}`,
  `${ISO} {level:upper} [{trace}] {pid:int} --- [{thread}] {logger} : {message}`,
  `${ISO} {level:upper} [{thread}] {logger:name}: {message}`,
  `${ISO} {level:upper} [{thread}] {logger:name} - {message}`,
  `${ISO} {level:upper} [{thread}] {message}`,
  `${ISO} {level:upper} {logger:name}: {message}`,
  `${ISO} {level:upper} {logger:name} - {message}`,
  `${ISO} {level:upper} {logger:name} [{thread}] {message}`,
  `${ISO} {level:upper} {message}`,
  `${ISO} - {level:upper} [{thread}] - {message}`,
  `${ISO} - {level:upper} - {message}`,
  `${ISO} [{thread}] {level:upper} {logger:name} - {message}`,
  `${ISO} [{thread}] {level:upper} {logger:name}: {message}`,
  `${ISO} [{thread}] {level:upper} {message}`,
  `${ISO} [{level:upper}( )?] {message}`,
  `[${ISO}][{level:upper}( )?][{logger}] {message}`,
  `[${ISO}] {level:upper} {message:last} \\({logger:name}\\)`,
  `[${ISO}] {level:upper} {message}`,
  `[${ISO}] [{thread}] {level:upper} {message}`,
  `[${ISO}] [{level:upper}( )?] {message}`,
  `${ISO} [{node}] - {level:upper} [{thread}] - {message}`,
  `${ISO}:{level:upper}:{logger:name}:{message}`,
  `${ISO}:{level:upper}:{message}`,
  `${ISO}|{level:upper}|{logger}|{message}`,
  `${DAY_FIRST} {level:upper} [{thread}] {logger:name} {message}`,
  `${DAY_FIRST} {level:upper} {message}`,
  `{level:upper} [{thread}] ${ISO} {logger:word} - {message}`,
  `{level:upper} ${ISO} {message}`,
  `[{level:upper}( )?] ${ISO} {message}`,
  "{clock} {level:upper} {logger:name} - {message}",
  "{clock} {level:upper} {logger:word} {message}",
  "{clock} [{thread}] {level:upper} {logger:word} - {message}",
  "{time:MMM dd, yyyy h:mm:ss a} {logger:word} {method:word}\n{level}: {message}",
  "{time:MMM dd, yyyy h:mm:ss a} {logger:word} {method:word}",
];

const PYTHON = [
  `${ISO} - {logger:name} - {level:upper} - {message}`,
  `${ISO} - {level:upper} - {logger:name} - {message}`,
  `${ISO} {pid:int} {level:upper} {logger:name} {message}`,
  `${ISO} {logger:name} {level:upper} {message}`,
  `[${ISO}: {level:upper}/{process}] {message}`,
  `[{time:yyyy-MM-dd HH:mm:ss Z}] [{pid:int}] [{level:upper}] {message}`,
  "[{time:dd/MMM/yyyy HH:mm:ss}] {level:upper} [{logger}] {message}",
  "{level:upper}:{logger:name}:{message}",
];

const OPENSTACK = [
  `${ISO} {pid:int} {level:upper} {logger:name} [{request}] {client:word} "{message}" status: {status_code:int} len: {bytes:int} time: {duration:number:s}`,
  `${ISO} {pid:int} {level:upper} {logger:name} [{request}] {message}`,
  `${ISO} {pid:int} {level:upper} {logger:name} {message}`,
];

/** Words of loggers that are no level by these names elsewhere. */
const JAVA_LEVELS = { CONFIG: "DEBUG", FINER: "TRACE", FINEST: "TRACE" } as const;

const SLOW_QUERY = "# User@Host: {user}\n{_}Query_time: {duration:number:s} {message}";
const SLOW_QUERY_TIME = Buffer.from("# Time:");
const SLOW_QUERY_USER = Buffer.from("# User@Host:");

/** An entry of the slow-query log begins with its time; of several within a second only the first has one. */
function beginsSlowQuery(buffer: Buffer, from: number): boolean {
  if (isTextAt(buffer, from, SLOW_QUERY_TIME)) return true;
  if (!isTextAt(buffer, from, SLOW_QUERY_USER)) return false;
  const before = from < 2 ? 0 : buffer.lastIndexOf("\n", from - 2) + 1;
  return !isTextAt(buffer, before, SLOW_QUERY_TIME);
}

function isTextAt(buffer: Buffer, from: number, text: Buffer): boolean {
  return (
    buffer.length >= from + text.length &&
    buffer.compare(text, 0, text.length, from, from + text.length) === 0
  );
}

/** All of them, by name. */
export const shapeFormats = {
  android: {
    summary: "Android's logcat, with or without a year.",
    shapes: [
      `${LOGCAT} {pid:int} {thread:int} {level:letter} {logger}: {message}`,
      `${LOGCAT} {pid:int} {thread:int} {level:letter} {logger}:`,
      `${LOGCAT} {user:word} {pid:int} {thread:int} {level:letter} {logger}: {message}`,
      `${LOGCAT} {level:letter}/{logger}\\({pid:int}\\): {message}`,
      `${LOGCAT} {level:letter}/{logger}\\( {pid:int}\\): {message}`,
    ],
    levels: { A: "FATAL" },
  },
  "apache-error": {
    summary: "The error log of Apache 2.2 and 2.4.",
    joins: "unparsed",
    shapes: [
      `${APACHE} [{module}:{level}] [pid {pid:int}(:tid {thread:int})?] [client {client}] {message}`,
      `${APACHE} [{module}:{level}] [pid {pid:int}(:tid {thread:int})?] {message}`,
      `${APACHE} [{module}:{level}] {message}`,
      `${APACHE} [{level}] [client {client}] {message}`,
      `${APACHE} [{level}] {message}`,
    ],
    levels: {
      TRACE1: "TRACE",
      TRACE2: "TRACE",
      TRACE3: "TRACE",
      TRACE4: "TRACE",
      TRACE5: "TRACE",
      TRACE6: "TRACE",
      TRACE7: "TRACE",
      TRACE8: "TRACE",
    },
  },
  haproxy: {
    summary: "HAProxy's HTTP and TCP logs, from syslog's files or bare.",
    shapes: [
      `${HAPROXY_SYSLOG} ${HAPROXY_HTTP}`,
      `${HAPROXY_SYSLOG} ${HAPROXY_HTTP_CUT}`,
      `${HAPROXY_SYSLOG} ${HAPROXY_TCP}`,
      `${HAPROXY_SYSLOG} {message}`,
      HAPROXY_HTTP,
      HAPROXY_HTTP_CUT,
      HAPROXY_TCP,
    ],
  },
  hdfs: {
    summary: "Hadoop's file system with short dates, `yyMMdd HHmmss`.",
    joins: "unparsed",
    shapes: ["{time:yyMMdd HHmmss} {thread:int} {level:upper} {logger:name}: {message}"],
  },
  klog: {
    summary: "Kubernetes' klog and Google's glog.",
    joins: "unparsed",
    shapes: [
      "{level:letter}{time:MMdd HH:mm:ss[.SSS]} {thread:int} {file}] {message}",
      "{level:letter}{time:yyyyMMdd HH:mm:ss[.SSS]} {thread:int} {file}] {message}",
    ],
  },
  log4j: {
    summary:
      "Java's loggers: log4j, logback, Spring Boot, Hadoop, ZooKeeper, Kafka, Elasticsearch.",
    joins: "unparsed",
    shapes: JAVA,
    levels: JAVA_LEVELS,
  },
  "mysql-error": {
    summary: "The error log of MySQL and MariaDB.",
    joins: "unparsed",
    shapes: [
      `${ISO} {thread:int} [{level}] [{code}] [{module}] {message}`,
      `${ISO} {thread:int} [{level}] {message}`,
      "{time:yyMMdd H:mm:ss} [{level}] {message}",
      "{time:yyMMdd H:mm:ss} {message}",
    ],
    levels: { NOTE: "INFO", SYSTEM: "INFO" },
  },
  "mysql-slow": {
    summary: "The slow-query log of MySQL, Percona and MariaDB; its queries span several lines.",
    joins: beginsSlowQuery,
    shapes: [
      `# Time: ${ISO}( )?\n${SLOW_QUERY}`,
      `# Time: {time:yyMMdd H:mm:ss}( )?\n${SLOW_QUERY}`,
      // Percona's patch of MySQL 5.0.
      `# Time: {time:yyMMdd H:mm:ss} ${SLOW_QUERY}`,
      "# User@Host: {user}\n{_}Query_time: {duration:number:s} {_}\nSET timestamp={time:epoch_s};\n{message}",
      // Without a time: rejected as such.
      SLOW_QUERY,
      `# Time: ${ISO}`,
      "# Time: {time:yyMMdd H:mm:ss}",
    ],
  },
  "nginx-error": {
    summary: "The error log of nginx.",
    joins: "unparsed",
    shapes: [
      `${GO} [{level}] {pid:int}#{thread:int}: *{connection:int} {message}`,
      `${GO} [{level}] {pid:int}#{thread:int}: {message}`,
    ],
  },
  openstack: {
    summary: "OpenStack's services; requests with their durations.",
    joins: "unparsed",
    shapes: OPENSTACK,
    levels: { AUDIT: "INFO" },
  },
  postgres: {
    summary: "PostgreSQL's log with a `log_line_prefix` of time and process.",
    joins: "unparsed",
    shapes: [
      ...POSTGRES_PREFIXES.flatMap((prefix) => [
        `${prefix} LOG: duration: {duration:number:ms} ms {message}`,
        `${prefix} {level}: {message}`,
        `${prefix} {session:word} LOG: duration: {duration:number:ms} ms {message}`,
        `${prefix} {session:word} {level}: {message}`,
        `${prefix} {session}${POSTGRES_DURATION}`,
        `${prefix} {level:near}{message}`,
      ]),
      `${POSTGRES_RDS}LOG: duration: {duration:number:ms} ms {message}`,
      `${POSTGRES_RDS}{level}: {message}`,
      `${POSTGRES_TIME} LOG: duration: {duration:number:ms} ms {message}`,
      `${POSTGRES_TIME} {level:upper}: {message}`,
    ],
    levels: {
      LOG: "INFO",
      STATEMENT: "INFO",
      DETAIL: "INFO",
      HINT: "INFO",
      CONTEXT: "INFO",
      QUERY: "INFO",
      LOCATION: "INFO",
      DEBUG1: "DEBUG",
      DEBUG2: "DEBUG",
      DEBUG3: "DEBUG",
      DEBUG4: "DEBUG",
      DEBUG5: "DEBUG",
    },
  },
  python: {
    summary: "Python's logging in its usual patterns, Celery, gunicorn, Django.",
    joins: "unparsed",
    shapes: PYTHON,
  },
  redis: {
    summary: "The log of Redis and Valkey.",
    joins: "unparsed",
    shapes: [
      `{pid:int}:{role:word} ${REDIS} {level:mark} {message}`,
      `[{pid:int}] ${REDIS} {level:mark} {message}`,
      `[{pid:int}:{role}] ${REDIS} {level:mark} {message}`,
      `${REDIS} {level:mark} {message}`,
      "{pid:int}:signal-handler \\({time:epoch_s}\\) {message}",
    ],
    levels: { ".": "DEBUG", "-": "DEBUG", "*": "INFO", "#": "WARN" },
  },
  spark: {
    summary: "Spark and others with short dates, `yy/MM/dd HH:mm:ss`.",
    joins: "unparsed",
    shapes: [
      "{time:yy/MM/dd HH:mm:ss} {level:upper} {logger:name}: {message}",
      "{time:yy/MM/dd HH:mm:ss} {level:upper} {message}",
    ],
  },
  text: {
    summary: "Any lines that begin with a time; a level near it counts.",
    joins: "unparsed",
    shapes: [
      ...OPENSTACK,
      ...JAVA,
      ...PYTHON,
      `${GO} [{level}] {message}`,
      `${GO} {level:upper} {message}`,
      `${GO} {level:near}{message}`,
      `${GO} {message}`,
      `${ISO} [{level}] {message}`,
      `${ISO} {level:upper} {message}`,
      `[${ISO}] [{level}] {message}`,
      `[${ISO}] {level:upper} {message}`,
      `[${ISO} {level:upper} {logger}] {message}`,
      `{level:letter}, [${ISO} #{pid:int}] {_}: {message}`,
      `${ISO} {level:letter} {logger:name} [{thread}] {message}`,
      `[{level}] ${ISO} {message}`,
      `{level:upper}[${ISO}] {message}`,
      `[${DAY_FIRST}] {level:upper}: {message}`,
      `[${DAY_FIRST}] {level:near}{message}`,
      `[${DAY_FIRST}] {message}`,
      "[{time:dd/MMM/yyyy:HH:mm:ss Z}] {level:near}{message}",
      "[{time:dd/MMM/yyyy:HH:mm:ss Z}] {message}",
      `${APACHE} {level:near}{message}`,
      `${APACHE} {message}`,
      "{time:ansi_c} {level:near}{message}",
      "{time:ansi_c} {message}",
      "{time:EEE MMM d HH:mm:ss[.SSS]} {level:near}{message}",
      "{time:EEE MMM d HH:mm:ss[.SSS]} {message}",
      "{time:rfc2822} {level:near}{message}",
      "{time:rfc2822} {message}",
      // Other ways to write a date of which day and month are no guess.
      "{time:yyyyMMdd'T'HHmmss[.SSS][Z]} {level:near}{message}",
      "{time:yyyyMMdd'T'HHmmss[.SSS][Z]} {message}",
      "{time:yyyyMMdd HH:mm:ss[.SSS]} {level:near}{message}",
      "{time:yyyyMMdd HH:mm:ss[.SSS]} {message}",
      "{time:yyyy.MM.dd HH:mm:ss[.SSS]} {level:near}{message}",
      "{time:yyyy.MM.dd HH:mm:ss[.SSS]} {message}",
      "{time:dd.MM.yyyy HH:mm:ss[.SSS]} {level:near}{message}",
      "{time:dd.MM.yyyy HH:mm:ss[.SSS]} {message}",
      `[${ISO}] {level:near}{message}`,
      `[${ISO}] {message}`,
      `${ISO} {level} {message}`,
      `${ISO} {level:near}{message}`,
      `${ISO} {message}`,
      // The garbage collector's and audit logs.
      `[${ISO}][{level:near}{message}`,
      `[${ISO}][{message}`,
      `${ISO}: {level:near}{message}`,
      `${ISO}: {message}`,
      `${ISO}, {level:near}{message}`,
      `${ISO}, {message}`,
      `${ISO}|{level:near}{message}`,
      `${ISO};{level:near}{message}`,
      // A time on a line of its own, as Oracle's alert log has it.
      `${ISO}\n{message}`,
      ISO,
      // Without a time: for lines inside of containers.
      "{level:upper}: {message}",
      "{level:upper}[{_}] {message}",
      "[{level}] {message}",
      "{level:upper} {message}",
    ],
    levels: {
      ...JAVA_LEVELS,
      AUDIT: "INFO",
      INF: "INFO",
      WRN: "WARN",
      FTL: "FATAL",
      DBG: "DEBUG",
      VRB: "TRACE",
      // Four letters of logrus and RabbitMQ.
      TRAC: "TRACE",
      DEBU: "DEBUG",
      NOTI: "INFO",
      ERRO: "ERROR",
      FATA: "FATAL",
      PANI: "FATAL",
      EMERGENCY: "FATAL",
    },
  },
  "windows-cbs": {
    summary: "Windows' component-based servicing and update logs.",
    joins: "unparsed",
    shapes: [
      "{time:yyyy-MM-dd HH:mm:ss}, {level} {logger:word} {message}",
      "{time:yyyy-MM-dd HH:mm:ss}, {level} {message}",
    ],
  },
} as const satisfies Record<string, ShapeFormat>;
