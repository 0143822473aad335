//! Nothing that is kept between two requests carries one viewer's answer to another.
