//! `BODYSTRUCTURE`: the parts of a message (RFC 9051 section 7.5.2).

use imap_proto::Octets;
use imap_proto::response::{
    BodyExtension, BodyPart, BodyStructure, Disposition, MessagePart, Multipart,
    MultipartExtension, Parameter, PartExtension, PartKind,
};
use mail_parser::parsers::MessageStream;
use mail_parser::{ContentType, HeaderValue};

use super::entity::{Entity, Kind};
use super::envelope;
use super::field::Header;

pub(super) fn of(entity: &Entity<'_>, extended: bool) -> BodyStructure {
    let header = entity.header();
    match &entity.kind {
        Kind::Multipart(parts) => {
            let media_type = value(&header, "Content-Type");
            let parts = parts.iter().map(|part| of(part, extended)).collect();
            let subtype = media_type.as_ref().and_then(subtype);
            let mut multipart = Multipart::new(subtype.unwrap_or_else(|| "mixed".into()), parts);
            if extended {
                let mut extension = MultipartExtension::default();
                extension.parameters = media_type.as_ref().map_or_else(Vec::new, parameters);
                extension.common = common(&header);
                multipart.extension = Some(extension);
            }
            BodyStructure::Multipart(Box::new(multipart))
        }
        Kind::Single | Kind::Message(_) => {
            BodyStructure::Single(Box::new(single(entity, &header, extended)))
        }
    }
}

fn single(entity: &Entity<'_>, header: &Header, extended: bool) -> BodyPart {
    let body = entity.body();
    let octets = body.len() as u64;
    let lines = || memchr::memchr_iter(b'\n', &body).count() as u64;
    let media_type = value(header, "Content-Type");
    let mut part = match (&entity.kind, &media_type) {
        (Kind::Message(message), found) => {
            let told = envelope::of(&message.header());
            let inner = MessagePart::new(told, of(message, extended), lines());
            let mut part = BodyPart::message(octets, inner);
            if let Some(subtype) = found.as_ref().and_then(subtype) {
                part.subtype = subtype;
            }
            part
        }
        (_, None) => BodyPart::text("plain", octets, lines()),
        (_, Some(found)) => {
            let subtype = subtype(found);
            match &found.c_type.to_ascii_lowercase()[..] {
                "text" => {
                    let subtype = subtype.unwrap_or_else(|| "plain".into());
                    BodyPart::text(subtype, octets, lines())
                }
                // Without parts that could be told.
                "multipart" => BodyPart::text("plain", octets, lines()),
                "message" if is_message(found) => {
                    BodyPart::new("application", "octet-stream", octets)
                }
                kind => {
                    let subtype = subtype.unwrap_or_else(|| "octet-stream".into());
                    BodyPart::new(kind, subtype, octets)
                }
            }
        }
    };
    part.parameters = media_type.as_ref().map_or_else(Vec::new, parameters);
    let mut names = part.parameters.iter().map(|parameter| &parameter.name);
    let is_text = matches!(part.kind, PartKind::Text { .. });
    if is_text && !names.any(|name| name.eq_ignore_ascii_case(b"charset")) {
        // What RFC 2046 section 4.1.2 has a client take it for.
        part.parameters.push(Parameter::new("charset", "us-ascii"));
    }
    part.id = header.value("Content-ID");
    part.description = header.value("Content-Description");
    if let Some(encoding) = header.value("Content-Transfer-Encoding") {
        if !encoding.is_empty() {
            part.encoding = encoding;
        }
    }
    if extended {
        let mut extension = PartExtension::default();
        extension.md5 = header.value("Content-MD5");
        extension.common = common(header);
        part.extension = Some(extension);
    }
    part
}

fn is_message(found: &ContentType<'_>) -> bool {
    let subtype = found.c_subtype.as_deref().unwrap_or_default();
    subtype.eq_ignore_ascii_case("rfc822") || subtype.eq_ignore_ascii_case("global")
}

/// What is told of all parts.
fn common(header: &Header) -> BodyExtension {
    let mut common = BodyExtension::default();
    common.disposition = value(header, "Content-Disposition").map(|found| {
        let mut disposition = Disposition::new(&*found.c_type);
        disposition.parameters = parameters(&found);
        disposition
    });
    if let Some(languages) = header.value("Content-Language") {
        let languages = languages
            .split(|octet| *octet == b',')
            .map(<[u8]>::trim_ascii);
        let languages = languages.filter(|language| !language.is_empty());
        common.languages = languages.map(Octets::from).collect();
    }
    common.location = header.value("Content-Location");
    common
}

/// A field with parameters.
fn value(header: &Header, name: &str) -> Option<ContentType<'static>> {
    let field = header.field(name)?;
    match MessageStream::new(field.octets())
        .parse_content_type()
        .into_owned()
    {
        HeaderValue::ContentType(found) if !found.c_type.is_empty() => Some(found),
        _ => None,
    }
}

fn subtype(found: &ContentType<'_>) -> Option<Octets> {
    found.c_subtype.as_deref().map(Octets::from)
}

fn parameters(found: &ContentType<'_>) -> Vec<Parameter> {
    let attributes = found.attributes.as_deref().unwrap_or_default();
    attributes
        .iter()
        .map(|attribute| parameter(&attribute.name, &attribute.value))
        .collect()
}

/// As it is, or where that cannot be, encoded (RFC 2231 section 4).
fn parameter(name: &str, value: &str) -> Parameter {
    use std::fmt::Write;
    if value
        .bytes()
        .all(|octet| octet.is_ascii() && !octet.is_ascii_control())
    {
        return Parameter::new(name, value);
    }
    let mut encoded = String::from("utf-8''");
    for octet in value.bytes() {
        match octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_') {
            true => encoded.push(char::from(octet)),
            false => {
                let _ = write!(encoded, "%{octet:02X}");
            }
        }
    }
    Parameter::new(format!("{name}*"), encoded)
}
