/**
 * Patterns that grok expressions may name: the names of Logstash's library (without ECS), written anew. Kept to what common logs need;
 * others are given as `patterns` in the configuration.
 */

const OCTET = "(?:25[0-5]|2[0-4]\\d|1?\\d{1,2})";

/** Parts of values: times, numbers, addresses, words. */
const BASIC: Readonly<Record<string, string>> = {
  USERNAME: "[\\w.-]+",
  USER: "%{USERNAME}",
  EMAILLOCALPART: "[\\w!#$%&'*+/=?^`{|}~.-]{1,64}",
  EMAILADDRESS: "%{EMAILLOCALPART}@%{HOSTNAME}",
  INT: "[+-]?\\d+",
  POSINT: "\\b[1-9]\\d*\\b",
  NONNEGINT: "\\b\\d+\\b",
  BASE10NUM: "(?<![\\d.+-])[+-]?(?:\\d+(?:\\.\\d+)?|\\.\\d+)",
  NUMBER: "%{BASE10NUM}",
  BASE16NUM: "(?<![0-9A-Fa-f])[+-]?(?:0x)?[0-9A-Fa-f]+",
  WORD: "\\b\\w+\\b",
  NOTSPACE: "\\S+",
  SPACE: "\\s*",
  DATA: ".*?",
  GREEDYDATA: ".*",
  QUOTEDSTRING: "\"(?:\\\\.|[^\\\\\"])*\"|'(?:\\\\.|[^\\\\'])*'|`(?:\\\\.|[^\\\\`])*`",
  QS: "%{QUOTEDSTRING}",
  UUID: "[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}",
  MAC: "%{CISCOMAC}|%{COMMONMAC}",
  CISCOMAC: "(?:[0-9A-Fa-f]{4}\\.){2}[0-9A-Fa-f]{4}",
  COMMONMAC: "(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}",
  IPV4: `(?<!\\d)(?:${OCTET}\\.){3}${OCTET}(?!\\d)`,
  IPV6: "(?<![\\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:(?:\\d{1,3}\\.){3}\\d{1,3}|[0-9A-Fa-f]{0,4})(?:%\\w+)?(?![\\w:])",
  IP: "%{IPV6}|%{IPV4}",
  HOSTNAME:
    "\\b[0-9A-Za-z](?:[0-9A-Za-z_-]{0,62})(?:\\.[0-9A-Za-z][0-9A-Za-z_-]{0,62})*\\.?(?!\\w)",
  HOST: "%{HOSTNAME}",
  IPORHOST: "%{IP}|%{HOSTNAME}",
  HOSTPORT: "%{IPORHOST}:%{POSINT}",
  UNIXPATH: "(?:/[^\\s/]*)+",
  WINPATH: "(?:[A-Za-z]:|\\\\)(?:\\\\[^\\\\?*]*)+",
  PATH: "%{UNIXPATH}|%{WINPATH}",
  URIPROTO: "[A-Za-z][A-Za-z0-9+.-]*",
  URIHOST: "%{IPORHOST}(?::%{POSINT:port})?",
  URIPATH: '/[^\\s?#"]*',
  URIQUERY: '[^\\s#"]*',
  URIPARAM: "\\?%{URIQUERY}",
  URIPATHPARAM: "%{URIPATH}(?:\\?%{URIQUERY})?",
  URI: "%{URIPROTO}://(?:%{USER}(?::[^@\\s]*)?@)?(?:%{URIHOST})?(?:%{URIPATH}(?:\\?%{URIQUERY})?)?",
  MONTH:
    "\\b(?:[Jj]an(?:uary)?|[Ff]eb(?:ruary)?|[Mm]ar(?:ch)?|[Aa]pr(?:il)?|[Mm]ay|[Jj]une?|[Jj]uly?|[Aa]ug(?:ust)?|[Ss]ep(?:t(?:ember)?)?|[Oo]ct(?:ober)?|[Nn]ov(?:ember)?|[Dd]ec(?:ember)?)\\b",
  MONTHNUM: "(?:0?[1-9]|1[0-2])",
  MONTHNUM2: "(?:0[1-9]|1[0-2])",
  MONTHDAY: "(?:0[1-9]|[12]\\d|3[01]|[1-9])",
  DAY: "(?:Mon(?:day)?|Tue(?:sday)?|Wed(?:nesday)?|Thu(?:rsday)?|Fri(?:day)?|Sat(?:urday)?|Sun(?:day)?)",
  YEAR: "(?:\\d\\d){1,2}",
  HOUR: "(?:2[0-3]|[01]?\\d)",
  MINUTE: "[0-5]\\d",
  SECOND: "(?:[0-5]?\\d|60)(?:[:.,]\\d+)?",
  TIME: "(?<!\\d)%{HOUR}:%{MINUTE}(?::%{SECOND})?(?!\\d)",
  DATE_US: "%{MONTHNUM}[/-]%{MONTHDAY}[/-]%{YEAR}",
  DATE_EU: "%{MONTHDAY}[./-]%{MONTHNUM}[./-]%{YEAR}",
  DATE: "%{DATE_US}|%{DATE_EU}",
  ISO8601_TIMEZONE: "Z|[+-]%{HOUR}(?::?%{MINUTE})?",
  TIMESTAMP_ISO8601:
    "%{YEAR}-%{MONTHNUM}-%{MONTHDAY}[T ]%{HOUR}:?%{MINUTE}(?::?%{SECOND})?(?:%{ISO8601_TIMEZONE})?",
  TZ: "[A-Z]{3,4}",
  DATESTAMP: "%{DATE}[- ]%{TIME}",
  DATESTAMP_RFC822: "%{DAY} %{MONTH} %{MONTHDAY} %{YEAR} %{TIME} %{TZ}",
  DATESTAMP_RFC2822: "%{DAY}, %{MONTHDAY} %{MONTH} %{YEAR} %{TIME} %{ISO8601_TIMEZONE}",
  DATESTAMP_OTHER: "%{DAY} %{MONTH} %{MONTHDAY} %{TIME} %{TZ} %{YEAR}",
  DATESTAMP_EVENTLOG: "%{YEAR}%{MONTHNUM2}%{MONTHDAY}%{HOUR}%{MINUTE}%{SECOND}",
  HTTPDATE: "%{MONTHDAY}/%{MONTH}/%{YEAR}:%{TIME} %{INT}",
  LOGLEVEL:
    "(?:[Aa]lert|ALERT|[Tt]race|TRACE|[Dd]ebug|DEBUG|[Nn]otice|NOTICE|[Ii]nfo(?:rmation)?|INFO(?:RMATION)?|[Ww]arn(?:ing)?|WARN(?:ING)?|[Ee]rr(?:or)?|ERR(?:OR)?|[Cc]rit(?:ical)?|CRIT(?:ICAL)?|[Ff]atal|FATAL|[Ss]evere|SEVERE|[Ee]merg(?:ency)?|EMERG(?:ENCY)?)",
};

/** Whole lines of programs. */
const LINES: Readonly<Record<string, string>> = {
  SYSLOGTIMESTAMP: "%{MONTH} +%{MONTHDAY} %{TIME}",
  PROG: "[!-Z\\\\^-~]+",
  SYSLOGPROG: "%{PROG:program}(?:\\[%{POSINT:pid}\\])?",
  SYSLOGHOST: "%{IPORHOST}",
  SYSLOGFACILITY: "<%{NONNEGINT:facility}\\.%{NONNEGINT:priority}>",
  SYSLOGBASE:
    "%{SYSLOGTIMESTAMP:timestamp} (?:%{SYSLOGFACILITY} )?%{SYSLOGHOST:logsource} +%{SYSLOGPROG}:",
  SYSLOGPAMSESSION: "%{SYSLOGBASE} %{GREEDYDATA:message}",
  SYSLOGLINE:
    "(?:<%{NONNEGINT:syslog_pri}>)?%{SYSLOGTIMESTAMP:timestamp} (?:%{SYSLOGFACILITY} )?%{SYSLOGHOST:logsource} +(?:%{SYSLOGPROG}: +)?%{GREEDYDATA:message}",
  HTTPDUSER: "%{EMAILADDRESS}|%{USER}",
  HTTPD_COMMONLOG:
    '%{IPORHOST:clientip} %{HTTPDUSER:ident} %{HTTPDUSER:auth} \\[%{HTTPDATE:timestamp}\\] "(?:%{WORD:verb} %{NOTSPACE:request}(?: HTTP/%{NUMBER:httpversion})?|%{DATA:rawrequest})" (?:-|%{NUMBER:response}) (?:-|%{NUMBER:bytes})',
  HTTPD_COMBINEDLOG: "%{HTTPD_COMMONLOG} %{QS:referrer} %{QS:agent}",
  COMMONAPACHELOG: "%{HTTPD_COMMONLOG}",
  COMBINEDAPACHELOG: "%{HTTPD_COMBINEDLOG}",
  HTTPDERROR_DATE: "%{DAY} %{MONTH} %{MONTHDAY} %{TIME} %{YEAR}",
  HTTPD20_ERRORLOG:
    "\\[%{HTTPDERROR_DATE:timestamp}\\] \\[%{LOGLEVEL:loglevel}\\] (?:\\[client %{IPORHOST:clientip}\\] )?%{GREEDYDATA:message}",
  HTTPD24_ERRORLOG:
    "\\[%{HTTPDERROR_DATE:timestamp}\\] \\[(?:%{WORD:module})?:%{LOGLEVEL:loglevel}\\] \\[pid %{POSINT:pid}(?::tid %{NUMBER:tid})?\\](?: \\(%{POSINT:proxy_errorcode}\\)%{DATA:proxy_message}:)?(?: \\[client %{IPORHOST:clientip}:%{POSINT:clientport}\\])?(?: %{DATA:errorcode}:)? %{GREEDYDATA:message}",
  HTTPD_ERRORLOG: "%{HTTPD20_ERRORLOG}|%{HTTPD24_ERRORLOG}",
  REDISTIMESTAMP: "%{MONTHDAY} %{MONTH} %{TIME}",
  REDISLOG: "\\[%{POSINT:pid}\\] %{REDISTIMESTAMP:timestamp} \\*",
  REDISMONLOG:
    '%{NUMBER:timestamp} \\[%{INT:database} %{IP:client}:%{NUMBER:port}\\] "%{WORD:command}" ?%{GREEDYDATA:params}',
  SQUID3:
    "%{NUMBER:timestamp}\\s+%{NUMBER:duration} %{IP:client_address} %{WORD:cache_result}/%{NONNEGINT:status_code} %{NUMBER:bytes} %{WORD:request_method} %{NOTSPACE:url} (?:-|%{NOTSPACE:user}) %{WORD:hierarchy_code}/(?:-|%{IPORHOST:server}) (?:-|%{NOTSPACE:content_type})",
  JAVACLASS: "(?:[\\w$]+\\.)*[\\w$]+",
  JAVAMETHOD: "<(?:cl)?init>|[\\w$]+",
  JAVAFILE: "[\\w.$ -]+",
  JAVASTACKTRACEPART:
    "\\s*at %{JAVACLASS:class}\\.%{JAVAMETHOD:method}\\(%{JAVAFILE:file}(?::%{INT:line})?\\)",
  JAVATHREAD: "[A-Z]{2}-Processor\\d+",
  JAVALOGMESSAGE: ".*",
  CATALINA_DATESTAMP: "%{MONTH} %{MONTHDAY}, %{YEAR} %{HOUR}:%{MINUTE}:%{SECOND} (?:AM|PM)",
  CATALINALOG:
    "%{CATALINA_DATESTAMP:timestamp} %{JAVACLASS:class}(?: %{JAVAMETHOD})?\\s*(?:%{LOGLEVEL:level}:)? %{JAVALOGMESSAGE:logmessage}",
  TOMCAT_DATESTAMP: "%{YEAR}-%{MONTHNUM}-%{MONTHDAY} %{TIME} %{ISO8601_TIMEZONE}",
  TOMCATLOG:
    "%{TOMCAT_DATESTAMP:timestamp} \\| %{LOGLEVEL:level} \\| %{JAVACLASS:class} - %{JAVALOGMESSAGE:logmessage}|%{CATALINALOG}",
  ELB_ACCESS_LOG:
    '%{TIMESTAMP_ISO8601:timestamp} %{NOTSPACE:elb} %{IP:clientip}:%{INT:clientport} (?:-|%{IP:backendip}:%{INT:backendport}) %{NUMBER:request_processing_time} %{NUMBER:backend_processing_time} %{NUMBER:response_processing_time} (?:-|%{INT:response}) (?:-|%{INT:backend_response}) %{INT:received_bytes} %{INT:bytes} "%{WORD:verb} (?<request>%{URIPROTO:proto}://%{URIHOST:urihost}%{URIPATH:path}(?:%{URIPARAM:params})?)(?: HTTP/%{NUMBER:httpversion})?"',
  HAPROXYDATE: "%{MONTHDAY}/%{MONTH}/%{YEAR}:%{TIME}",
  HAPROXYHTTPBASE:
    '%{IP:client_ip}:%{INT:client_port} \\[%{HAPROXYDATE:accept_date}\\] %{NOTSPACE:frontend_name} %{NOTSPACE:backend_name}/%{NOTSPACE:server_name} %{INT:time_request}/%{INT:time_queue}/%{INT:time_backend_connect}/%{INT:time_backend_response}/%{NOTSPACE:time_duration} %{INT:http_status_code} %{NOTSPACE:bytes_read} %{DATA:captured_request_cookie} %{DATA:captured_response_cookie} %{NOTSPACE:termination_state} %{INT:actconn}/%{INT:feconn}/%{INT:beconn}/%{INT:srvconn}/%{NOTSPACE:retries} %{INT:srv_queue}/%{INT:backend_queue} (?:\\{(?<captured_request_headers>[^}]*)\\} )?(?:\\{(?<captured_response_headers>[^}]*)\\} )?"(?:<BADREQ>|%{WORD:http_verb} (?:%{URIPROTO:http_proto}://)?(?:%{USER:http_user}(?::[^@]*)?@)?(?:%{URIHOST:http_host})?(?:%{URIPATHPARAM:http_request})?(?: HTTP/%{NUMBER:http_version})?)"?',
  HAPROXYHTTP:
    "(?:%{SYSLOGTIMESTAMP:syslog_timestamp}|%{TIMESTAMP_ISO8601:timestamp8601}) %{IPORHOST:syslog_server} %{SYSLOGPROG}: %{HAPROXYHTTPBASE}",
};

/** All of them, by name. */
export const GROK_PATTERNS: Readonly<Record<string, string>> = { ...BASIC, ...LINES };
