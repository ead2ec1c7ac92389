// The same counts by C++ simdjson On Demand, for comparison: per service and minute the lines by level, and the durations' sum, extremes and
// buckets of 1 %. A line at a time, as a program does that goes on after a broken one. It is not exact: On Demand checks only what it reads.
//   g++ -O3 -march=native simdjson.cpp -lsimdjson -o simdjson && ./simdjson FILE     prints lines, CPU milliseconds, wall milliseconds
#include <simdjson.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <string>
#include <unistd.h>
#include <unordered_map>
#include <vector>

using namespace simdjson;

struct Window {
  uint64_t levels[8] = {};
  double sum = 0, min = INFINITY, max = -1;
  uint32_t buckets[1408] = {};
};

struct Service {
  int64_t lastMinute = -1;
  Window *last = nullptr;
  std::unordered_map<int64_t, Window> windows;
};

struct Event {
  std::string_view time, service, level;
  double duration = -1;
};

static bool read(ondemand::parser &parser, const char *line, size_t length, size_t room, Event &event) {
  ondemand::document document;
  ondemand::object object;
  if (parser.iterate(line, length, room).get(document) || document.get_object().get(object)) return false;
  for (auto field : object) {
    std::string_view key;
    if (field.unescaped_key().get(key)) return false;
    error_code error = SUCCESS;
    if (key == "timestamp") error = field.value().get_string().get(event.time);
    else if (key == "service") error = field.value().get_string().get(event.service);
    else if (key == "level") error = field.value().get_string().get(event.level);
    else if (key == "duration") error = field.value().get_double().get(event.duration);
    if (error) return false;
  }
  return event.time.size() == 24 && !event.service.empty();
}

static size_t levelOf(std::string_view level) {
  static const char *const names[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"};
  for (size_t at = 0; at < 6; at++) if (level == names[at]) return at;
  return 6;
}

static int64_t minuteOf(std::string_view time) {
  static char lastText[16];
  static int64_t lastMinute = 0;
  if (memcmp(lastText, time.data(), 16) != 0) {
    tm parts{};
    sscanf(std::string(time).c_str(), "%d-%d-%dT%d:%d", &parts.tm_year, &parts.tm_mon, &parts.tm_mday, &parts.tm_hour, &parts.tm_min);
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    lastMinute = timegm(&parts) / 60;
    memcpy(lastText, time.data(), 16);
  }
  return lastMinute;
}

static size_t bucketOf(double us) {
  uint64_t bits;
  memcpy(&bits, &us, 8);
  const double exponent = (double)((int)(bits >> 52) - 1023);
  bits = (bits & 0x000fffffffffffffull) | 0x3ff0000000000000ull;
  double rest;
  memcpy(&rest, &bits, 8);
  rest -= 1;
  return (size_t)std::ceil((exponent + ((6.0 / 35 * rest - 3.0 / 5) * rest + 10.0 / 7) * rest) * 34.99883330222059);
}

static void count(std::unordered_map<std::string, Service> &services, const Event &event) {
  static std::string name;
  name.assign(event.service);
  Service &service = services[name];
  const int64_t minute = minuteOf(event.time);
  if (service.lastMinute != minute) {
    service.last = &service.windows[minute];
    service.lastMinute = minute;
  }
  Window &window = *service.last;
  window.levels[levelOf(event.level)]++;
  if (!(event.duration >= 0 && event.duration < 1073741824.0)) return;
  const double us = std::floor(event.duration * 1000 + 0.5);
  window.sum += us;
  window.min = std::min(window.min, us);
  window.max = std::max(window.max, us);
  if (us > 0) window.buckets[bucketOf(us)]++;
}

int main(int count_, char **words) {
  if (count_ != 2) return 2;
  const size_t chunk = 256 * 1024;
  std::vector<char> buffer(2 * chunk + SIMDJSON_PADDING);
  std::unordered_map<std::string, Service> services;
  ondemand::parser parser;
  uint64_t lines = 0;
  timespec begin, end;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
  const auto started = std::chrono::steady_clock::now();
  const int file = open(words[1], O_RDONLY);
  if (file < 0) return 1;
  size_t held = 0;
  for (ssize_t bytes; (bytes = ::read(file, buffer.data() + held, chunk)) > 0;) {
    held += bytes;
    size_t at = 0;
    while (const char *feed = (const char *)memchr(buffer.data() + at, '\n', held - at)) {
      const size_t length = feed - (buffer.data() + at);
      Event event;
      if (read(parser, buffer.data() + at, length, buffer.size() - at, event)) count(services, event);
      lines++;
      at += length + 1;
    }
    memmove(buffer.data(), buffer.data() + at, held - at);
    held -= at;
    if (held > chunk) return 3;
  }
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
  const std::chrono::duration<double, std::milli> wall = std::chrono::steady_clock::now() - started;
  const double cpuMs = (end.tv_sec - begin.tv_sec) * 1e3 + (end.tv_nsec - begin.tv_nsec) / 1e6;
  printf("%lu %.1f %.1f\n", lines, cpuMs, wall.count());
}
