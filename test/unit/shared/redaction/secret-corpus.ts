/** Texts that hold a secret, made for tests: none of them is anybody's. */

/** What is to be found, by detector: a text and the part of it that must not be left. */
export const SECRETS: Readonly<
  Record<string, readonly (readonly [text: string, secret: string])[]>
> = {
  card: [
    ["paid with 4111111111111111 today", "4111111111111111"],
    ["card=5500-0000-0000-0004;", "5500-0000-0000-0004"],
    ["4111 1111 1111 1111 123", "4111 1111 1111 1111"],
    ["12 378282246310005", "378282246310005"],
    ["pan:6011000990139424,exp:12/30", "6011000990139424"],
    ['{"pan":30569309025904}', "30569309025904"],
    ["3530111333300000", "3530111333300000"],
    ["at 10:00 4000056655665556", "4000056655665556"],
  ],
  email: [
    ["from Ann.Lee+shop@mail.example.co.uk to", "Ann.Lee+shop@mail.example.co.uk"],
    ["<bob@example.com>", "bob@example.com"],
    ["?user=bob%40example.com&x", "bob%40example.com"],
    ["größe@exämple.de!", "größe@exämple.de"],
    ['"o\'brien@example.org"', "brien@example.org"],
  ],
  ipv4: [
    ["client 203.0.113.7 connected", "203.0.113.7"],
    ["[203.0.113.7]:8080", "203.0.113.7"],
    ["203.0.113.255:443", "203.0.113.255"],
    ["addr=198.51.100.1.", "198.51.100.1"],
  ],
  ipv6: [
    ["from 2001:db8::8a2e:370:7334", "2001:db8::8a2e:370:7334"],
    ["[2001:0db8:85a3:0000:0000:8a2e:0370:7334]:443", "2001:0db8:85a3:0000:0000:8a2e:0370:7334"],
    ["::ffff:203.0.113.7 said", "203.0.113.7"],
    ["peer ::1", "::1"],
    ["fe80::1%eth0", "fe80::1"],
  ],
  phone: [
    ["call +49 30 1234567 now", "+49 30 1234567"],
    ["+14155550123", "+14155550123"],
    ["+44 (0)20 7946 0958", "+44 (0)20 7946 0958"],
    ["(415) 555-0123", "(415) 555-0123"],
    ["415-555-0123", "415-555-0123"],
    ["0049 30 1234567", "0049 30 1234567"],
  ],
  iban: [
    ["to DE89370400440532013000", "DE89370400440532013000"],
    ["DE89 3704 0044 0532 0130 00 EUR", "DE89 3704 0044 0532 0130 00"],
    ["gb29nwbk60161331926819,", "gb29nwbk60161331926819"],
    ["iban=FR1420041010050500013M02606", "FR1420041010050500013M02606"],
  ],
  jwt: [
    [
      "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
      "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    ],
    ["cookie: s=eyJhbGciOiJub25lIn0.eyJhZG1pbiI6dHJ1ZX0.;", "eyJhZG1pbiI6dHJ1ZX0"],
  ],
  aws_key: [
    ["id AKIAIOSFODNN7EXAMPLE used", "AKIAIOSFODNN7EXAMPLE"],
    ["ASIAY34FZKBOKMUTVV7A,", "ASIAY34FZKBOKMUTVV7A"],
  ],
  api_key: [
    [`git clone with ghp_${"a1B2".repeat(9)}`, `ghp_${"a1B2".repeat(9)}`],
    ["slack xoxb-1234567890-abcdef", "xoxb-1234567890-abcdef"],
    [`stripe sk_live_${"x9Y8".repeat(6)}`, `sk_live_${"x9Y8".repeat(6)}`],
    [`key AIza${"Sy".repeat(17)}D`, `AIza${"Sy".repeat(17)}D`],
    [`glpat-${"z".repeat(20)}`, `glpat-${"z".repeat(20)}`],
  ],
  credential: [
    [`{"password":"it's-s3cret"}`, "s3cret"],
    [`password='so "open" s3cret' x`, "s3cret"],
    ['password="ab\\cd-s3cret" x', "s3cret"],
    [`\\"password\\": \\"it's-s3cret\\"`, "s3cret"],
    ["dbPassword=s3cret", "s3cret"],
    ["PGPASSWORD=s3cret", "s3cret"],
    ["stripeApiKey: s3cret-9", "s3cret-9"],
    ["Authorization: Negotiate YIIs3cret", "YIIs3cret"],
    ["authorization: ApiKey s3cret-9", "s3cret-9"],
    ["login user=bob password=hunter2 ok", "hunter2"],
    ['{"user":"bob","password":"correct horse battery"}', "correct horse battery"],
    ["Authorization: Bearer abc.def-123", "abc.def-123"],
    ["Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"],
    ["GET /x?access_token=a1b2c3d4&y=1", "a1b2c3d4"],
    ["aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI"],
    ["DB_PASSWORD: 's3cr3t'", "s3cr3t"],
    ["client_secret=9f8e7d6c", "9f8e7d6c"],
    ['{\\"api_key\\":\\"k-123456\\"}', "k-123456"],
  ],
  url_password: [
    ["postgres://app:s3cret@db:5432/shop", "s3cret"],
    ["amqp://:onlypass@mq/", "onlypass"],
    ["redis://u:p@ss@cache:6379", "p@ss"],
    ["mysql://u:pa/ss@host/db", "pa/ss"],
    ["HTTPS://u:p:w@host", "p:w"],
  ],
  private_key: [
    [
      "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,AB\n\nMIIEs3cret\n-----END RSA PRIVATE KEY-----",
      "s3cret",
    ],
    ["-----BEGIN RSA PRIVATE KEY-----\\nMIIEow\\n-----END RSA PRIVATE KEY-----", "MIIEow"],
    ["-----BEGIN PRIVATE KEY----- MC4CAQAw", "MC4CAQAw"],
  ],
};

/** Texts that look like secrets and are none; all detectors must leave them as they are. */
export const HARMLESS: readonly string[] = [
  '{"timestamp":"2026-11-20T10:00:00.000Z","level":"INFO","service":"orders","duration":12.5}',
  "2026-11-20 10:00:00,123 INFO [main] org.apache.Foo: started in 1234567890123 ns",
  "trace 4bf92f3577b34da6a3ce929d0e0e4736 span 00f067aa0ba902b7",
  "id 550e8400-e29b-41d4-a716-446655440000",
  "order 4111111111111112 and 1795430400123456789",
  "ratio 0.4111111111111111",
  "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  "std::vector<int> a::b at foo.cc:12:34",
  "mac 00:1a:2b:3c:4d:5e time 10:00:00",
  "java.lang.NullPointerException at com.example.Foo.bar(Foo.java:42)",
  "version 1.2.3 node v26.10.0-rc.1, openssl 3.0.2",
  "/usr/lib/node_modules/@scope/pkg@1.2.3/index.js",
  "unexpected token: comma; invalid secret: expired",
  "http://host:8080/path?x=1 https://example.com/a@b",
  "the password was wrong, token expired",
  "0x7f1234567890 0000000000000000 2026-11-20",
  "100% of 12 345 678 rows, 12-34-56",
  "blk_-1608999687919862906 src: dest:",
  "password=null token=undefined secret=****",
];
