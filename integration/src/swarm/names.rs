use std::net::Ipv4Addr;

use tokio::net::UdpSocket;
use tokio_util::task::AbortOnDropHandle;

const HEAD: usize = 12;
/// A response, recursion desired and available, the name does not exist (RFC 1035, section 4.1.1).
const NO_SUCH_NAME: [u8; 2] = [0x81, 0x83];

/// A name server that knows no name. Docker asks the machine's server for what it does not know itself; one that does
/// not answer would hold up whoever asks for a service that is not there yet.
pub(super) async fn serve(address: Ipv4Addr) -> anyhow::Result<AbortOnDropHandle<()>> {
    let socket = UdpSocket::bind((address, 53)).await?;
    let answering = async move {
        let mut packet = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut packet).await {
            if let Some(answer) = answer(&packet[..length]) {
                // It asks again if this is lost.
                let _ = socket.send_to(&answer, from).await;
            }
        }
    };
    Ok(AbortOnDropHandle::new(tokio::spawn(answering)))
}

/// The question given back, with nothing found.
fn answer(query: &[u8]) -> Option<Vec<u8>> {
    let name = query.get(HEAD..)?.iter().position(|byte| *byte == 0)?;
    // After the name's last, empty label come its type and class.
    let mut answer = query.get(..HEAD + name + 5)?.to_vec();
    answer[2..4].copy_from_slice(&NO_SUCH_NAME);
    answer[4..HEAD].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_given_back_without_answers() {
        let query = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\x01\x01a\x02bc\0\0\x01\0\x01 and more";
        let expected = b"\x12\x34\x81\x83\0\x01\0\0\0\0\0\0\x01a\x02bc\0\0\x01\0\x01";
        assert_eq!(answer(query).unwrap(), expected);
        assert_eq!(answer(b"short"), None);
    }
}
