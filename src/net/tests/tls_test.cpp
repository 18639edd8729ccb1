// SPDX-License-Identifier: Apache-2.0
// The server's side of TLS; certificates are in tests/api/tls.test.mjs.
#include <boost/asio/ssl.hpp>

#include "certificate.hpp"
#include "loopback.hpp"

namespace hearth::net::test {
namespace {

using asio::ip::tcp;

/// A blocking client over TLS. Every read gives up after kPatience.
class RawTlsClient {
 public:
  explicit RawTlsClient(std::uint16_t port) {
    tls_.next_layer().connect({asio::ip::address_v4::loopback(), port});
    const timeval patience{.tv_sec = kPatience.count(), .tv_usec = 0};
    setsockopt(tls_.next_layer().native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    tls_.handshake(asio::ssl::stream_base::client);
  }
  /// In one record, if it is not over 16 KiB.
  void send(std::string_view bytes) { asio::write(tls_, asio::buffer(bytes.data(), bytes.size())); }
  /// Until the server closes or is silent for too long.
  std::string read_all() {
    std::string out;
    boost::system::error_code ec;
    asio::read(tls_, asio::dynamic_buffer(out), ec);
    return out;
  }

 private:
  asio::io_context io_;
  asio::ssl::context context_{asio::ssl::context::tls_client};
  asio::ssl::stream<tcp::socket> tls_{io_, context_};
};

TEST(TlsServer, AnswersPipelinedRequestsOfOneRecord) {
  const Certificate certificate;
  auto tls = ServerTls::load({.certificate = certificate.file, .key = certificate.key_file, .client_ca = {}});
  ASSERT_TRUE(tls) << tls.error().message;
  LoopbackServer server{echo, patient_limits(), {}, 1, *tls};
  const std::string padding = "X-Padding: " + std::string(3'000, 'x') + "\r\n";
  RawTlsClient client{server.port()};
  client.send("GET /1 HTTP/1.1\r\nHost: a\r\n" + padding + "\r\nGET /2 HTTP/1.1\r\nHost: a\r\n" + padding +
              "Connection: close\r\n\r\n");
  const std::string answers = client.read_all();
  EXPECT_NE(answers.find("GET /1|"), std::string::npos);
  EXPECT_NE(answers.find("GET /2|"), std::string::npos) << answers;
}

}  // namespace
}  // namespace hearth::net::test
