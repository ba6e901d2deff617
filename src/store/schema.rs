//! The tables, the same on both databases. A test compares this with what the migrations make.

#![allow(missing_docs)] // What each table is for stands beside its SQL, in migrations/.

diesel::table! {
    sources (id) {
        id -> Text,
        tenant_setting -> Text,
        registered_at -> BigInt,
    }
}

diesel::table! {
    accounts (id) {
        id -> BigInt,
        source -> Text,
        tenant -> Text,
        platform_id -> Text,
        external_id -> Text,
        kind -> Text,
        status -> Text,
        name -> Text,
        code -> Text,
        email -> Text,
        phone -> Text,
        fax -> Text,
        website -> Text,
        description -> Text,
        is_test -> Bool,
        contact -> Text,
        address -> Text,
        extra_details -> Text,
        reported_kind -> Nullable<Text>,
        reported_reseller -> Nullable<Text>,
        reported_external_id -> Nullable<Text>,
        hold -> Nullable<Text>,
        event_second -> BigInt,
        event_live -> Bool,
        first_seen -> BigInt,
        revision -> BigInt,
        last_delivery -> Nullable<BigInt>,
        body_delivery -> Nullable<BigInt>,
        body_digest -> Nullable<Binary>,
        open_cases -> Bool,
        erased_second -> Nullable<BigInt>,
        sync_options -> Text,
        standing -> Text,
    }
}

diesel::table! {
    relations (id) {
        id -> BigInt,
        account_id -> BigInt,
        axis -> Text,
        reseller_platform_id -> Nullable<Text>,
        reseller_external_id -> Nullable<Text>,
        reseller_account_id -> Nullable<BigInt>,
        partner_id -> Nullable<Text>,
        state -> Text,
        found_by -> Nullable<Text>,
        valid_from -> BigInt,
        learned_at -> BigInt,
        linked_at -> Nullable<BigInt>,
        cause -> Text,
        delivery_id -> Nullable<BigInt>,
        valid_to -> Nullable<BigInt>,
        closed_learned_at -> Nullable<BigInt>,
        closed_cause -> Nullable<Text>,
        closed_delivery_id -> Nullable<BigInt>,
        linked_partner -> Nullable<Text>,
        linked_cause -> Nullable<Text>,
    }
}

diesel::table! {
    deliveries (id) {
        id -> BigInt,
        source -> Text,
        tenant -> Text,
        endpoint -> Text,
        path -> Text,
        received_at -> BigInt,
        event_second -> BigInt,
        replayed -> Bool,
        check_only -> Bool,
        webhook_id -> Nullable<Text>,
        track_id -> Nullable<Text>,
        headers -> Text,
        body_of -> BigInt,
        body_digest -> Binary,
        outcome -> Text,
        code -> Integer,
        message -> Text,
        result -> Nullable<Text>,
        kind -> Nullable<Text>,
        rule -> Nullable<Text>,
        account_id -> Nullable<BigInt>,
        platform_id -> Nullable<Text>,
        trace -> Text,
        hash -> Binary,
    }
}

diesel::table! {
    bodies (delivery_id) {
        delivery_id -> BigInt,
        body -> Binary,
    }
}

diesel::table! {
    webhook_ids (source, webhook_id) {
        source -> Text,
        webhook_id -> Text,
        delivery_id -> BigInt,
    }
}

diesel::table! {
    ledger_chains (chain) {
        chain -> BigInt,
        deliveries -> BigInt,
        rows_issued -> BigInt,
        hash -> Binary,
        owner -> Text,
        claimed_at -> BigInt,
    }
}

diesel::table! {
    arrivals (name) {
        name -> Text,
    }
}

diesel::table! {
    cases (id) {
        id -> BigInt,
        source -> Text,
        tenant -> Text,
        endpoint -> Text,
        platform_id -> Text,
        body_digest -> Binary,
        code -> Integer,
        first_at -> BigInt,
        last_at -> BigInt,
        last_delivery -> BigInt,
        event_second -> BigInt,
        times -> BigInt,
        state -> Text,
        closed_as -> Nullable<Text>,
        closed_at -> Nullable<BigInt>,
        closed_delivery -> Nullable<BigInt>,
        closed_why -> Nullable<Text>,
    }
}

diesel::table! {
    operators (name) {
        name -> Text,
        role -> Text,
        token_hash -> Binary,
        created_at -> BigInt,
        expires_at -> Nullable<BigInt>,
        revoked_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    operator_resellers (operator, account_id) {
        operator -> Text,
        account_id -> BigInt,
    }
}

diesel::table! {
    audit (id) {
        id -> BigInt,
        at -> BigInt,
        operator -> Text,
        action -> Text,
        subject -> Text,
        detail -> Text,
        remote -> Text,
    }
}

diesel::table! {
    source_shape (source, kind, name, value) {
        source -> Text,
        kind -> Text,
        name -> Text,
        value -> Text,
        first_seen -> BigInt,
        last_seen -> BigInt,
        times -> BigInt,
        known -> Bool,
    }
}

diesel::table! {
    changes (last_position) {
        last_position -> BigInt,
        first_position -> BigInt,
        at -> BigInt,
        entries -> Text,
    }
}

diesel::table! {
    change_feed (id) {
        id -> Integer,
        position -> BigInt,
    }
}

diesel::table! {
    subscribers (id) {
        id -> Text,
        position -> BigInt,
        epoch -> BigInt,
        parked_at -> Nullable<BigInt>,
        parked_for -> Nullable<Text>,
        failing_since -> Nullable<BigInt>,
        attempts -> BigInt,
        next_try -> Nullable<BigInt>,
        delivered_at -> Nullable<BigInt>,
        error_at -> Nullable<BigInt>,
        error -> Nullable<Text>,
        registered_at -> BigInt,
        owner -> Text,
        beat -> BigInt,
        beat_at -> BigInt,
    }
}

diesel::table! {
    held_events (subscriber, position) {
        subscriber -> Text,
        position -> BigInt,
        account_id -> BigInt,
        attempts -> BigInt,
        since -> Nullable<BigInt>,
        next_try -> Nullable<BigInt>,
    }
}

diesel::table! {
    partners (partner_id) {
        partner_id -> Text,
        name -> Text,
        status -> Text,
        status_from -> Nullable<BigInt>,
        status_until -> Nullable<BigInt>,
        successor -> Nullable<Text>,
        successor_from -> Nullable<BigInt>,
        reseller_account_id -> Nullable<BigInt>,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    partner_aliases (alias) {
        alias -> Text,
        partner_id -> Text,
    }
}

diesel::table! {
    partner_registry (id) {
        id -> BigInt,
        revision -> BigInt,
        rows_issued -> BigInt,
        settled_until -> BigInt,
    }
}

diesel::table! {
    reconciliations (id) {
        id -> BigInt,
        state -> Text,
        against -> Text,
        scheduled -> Bool,
        slot -> Nullable<BigInt>,
        requested_by -> Nullable<Text>,
        started_at -> Nullable<BigInt>,
        finished_at -> Nullable<BigInt>,
        options -> Text,
        worker -> Text,
        worked_at -> BigInt,
        reason -> Nullable<Text>,
        ours -> BigInt,
        theirs -> BigInt,
        stored -> BigInt,
        troubles -> BigInt,
        told -> Text,
    }
}

diesel::table! {
    reconciliation_counts (run_id, kind) {
        run_id -> BigInt,
        kind -> Text,
        found -> BigInt,
        hidden -> BigInt,
    }
}

diesel::table! {
    reconciliation_findings (run_id, position) {
        run_id -> BigInt,
        position -> BigInt,
        fingerprint -> Text,
        kind -> Text,
        account_id -> Nullable<BigInt>,
        source -> Text,
        tenant -> Text,
        platform_id -> Text,
        external_id -> Text,
        ours -> Nullable<Text>,
        theirs -> Nullable<Text>,
        since -> Nullable<BigInt>,
        delivery_id -> Nullable<BigInt>,
        line -> Nullable<BigInt>,
        proposal -> Text,
        explanation -> Text,
    }
}

diesel::table! {
    services (id) {
        id -> BigInt,
        source -> Text,
        tenant -> Text,
        external_id -> Text,
        platform_id -> Nullable<Text>,
        account_id -> BigInt,
        parent_id -> Nullable<BigInt>,
        kind -> Text,
        service -> Text,
        name -> Text,
        plan -> Text,
        location -> Text,
        quantity -> BigInt,
        status -> Text,
        trial -> Bool,
        attributes -> Text,
        transfer_direction -> Nullable<Text>,
        transfer_state -> Nullable<Text>,
        transfer_action -> Nullable<Text>,
        expires_at -> Nullable<BigInt>,
        event_second -> BigInt,
        event_live -> Bool,
        created_at -> BigInt,
        changed_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        revision -> BigInt,
        last_delivery -> Nullable<BigInt>,
        reported_account_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    users (id) {
        id -> BigInt,
        account_id -> BigInt,
        login -> Text,
        name -> Text,
        email -> Text,
        status -> Text,
        created_at -> BigInt,
        changed_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        revision -> BigInt,
    }
}

diesel::table! {
    user_services (user_id, service_id) {
        user_id -> BigInt,
        service_id -> BigInt,
    }
}

diesel::table! {
    user_history (user_id, revision) {
        user_id -> BigInt,
        revision -> BigInt,
        at -> BigInt,
        happening -> Text,
        changed -> Text,
        gained -> Text,
        lost -> Text,
        account_id -> BigInt,
        status -> Text,
        cause -> Text,
        delivery_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    acknowledgements (fingerprint) {
        fingerprint -> Text,
        kind -> Text,
        source -> Text,
        tenant -> Text,
        platform_id -> Text,
        note -> Text,
        operator -> Text,
        at -> BigInt,
    }
}

diesel::table! {
    service_history (service_id, revision) {
        service_id -> BigInt,
        revision -> BigInt,
        at -> BigInt,
        valid_from -> BigInt,
        happening -> Text,
        changed -> Text,
        account_id -> BigInt,
        plan -> Text,
        location -> Text,
        quantity -> BigInt,
        status -> Text,
        cause -> Text,
        delivery_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    profiles (account_id) {
        account_id -> BigInt,
        label -> Text,
        verification -> Text,
        sign_up_address -> Nullable<Text>,
        price_list -> Text,
        dns_options -> Bool,
        name_servers -> Text,
        contacts_issued -> BigInt,
        logins_issued -> BigInt,
        own_login -> Bool,
        time_zone -> Text,
    }
}

diesel::table! {
    account_tags (account_id, tag) {
        account_id -> BigInt,
        tag -> Text,
    }
}

diesel::table! {
    contacts (account_id, number) {
        account_id -> BigInt,
        number -> BigInt,
        card -> Text,
        registries -> Text,
        created_at -> BigInt,
        changed_at -> BigInt,
    }
}

diesel::table! {
    offer_lists (account_id) {
        account_id -> BigInt,
        revision -> BigInt,
        directory_ou -> Text,
        promoted_at -> Nullable<BigInt>,
        changed_at -> BigInt,
    }
}

diesel::table! {
    logins (account_id, number) {
        account_id -> BigInt,
        number -> BigInt,
        name -> Nullable<Text>,
        may_sign_in -> Bool,
        folded -> Nullable<Text>,
    }
}

diesel::table! {
    offers (account_id, service, plan) {
        account_id -> BigInt,
        service -> Text,
        plan -> Text,
        locations -> Text,
    }
}

diesel::table! {
    moves (id) {
        id -> BigInt,
        customer_id -> BigInt,
        from_id -> Nullable<BigInt>,
        to_id -> Nullable<BigInt>,
        state -> Text,
        side -> Nullable<Text>,
        requested_by -> Text,
        reason -> Nullable<Text>,
        at -> BigInt,
        decided_by -> Nullable<Text>,
        decision -> Nullable<Text>,
        decided_at -> Nullable<BigInt>,
        choices -> Text,
        provisioning_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    provisioning_requests (id) {
        id -> BigInt,
        customer_id -> BigInt,
        cause -> Text,
        move_id -> Nullable<BigInt>,
        reason -> Nullable<Text>,
        state -> Text,
        released -> Bool,
        pending -> BigInt,
        running -> BigInt,
        done -> BigInt,
        failed -> BigInt,
        cancelled -> BigInt,
        opened_at -> BigInt,
        started_at -> Nullable<BigInt>,
        finished_at -> Nullable<BigInt>,
        changed_at -> BigInt,
        cancelled_at -> Nullable<BigInt>,
        cancelled_why -> Nullable<Text>,
    }
}

diesel::table! {
    provisioning_items (id) {
        id -> BigInt,
        request_id -> BigInt,
        customer_id -> BigInt,
        kind -> Text,
        service_id -> Nullable<BigInt>,
        user_id -> Nullable<BigInt>,
        from_plan -> Text,
        from_location -> Text,
        to_plan -> Text,
        to_location -> Text,
        from_ou -> Nullable<Text>,
        to_ou -> Nullable<Text>,
        state -> Text,
        ready -> Bool,
        told -> Bool,
        attempts -> BigInt,
        forgiven -> BigInt,
        not_before -> BigInt,
        worker -> Nullable<Text>,
        lease_until -> Nullable<BigInt>,
        reason -> Nullable<Text>,
        created_at -> BigInt,
        changed_at -> BigInt,
        finished_at -> Nullable<BigInt>,
        superseded -> Bool,
    }
}

diesel::table! {
    provisioning_attempts (item_id, attempt) {
        item_id -> BigInt,
        attempt -> BigInt,
        lease -> Nullable<Text>,
        worker -> Text,
        taken_at -> BigInt,
        lease_seconds -> BigInt,
        lease_until -> Nullable<BigInt>,
        reported_at -> Nullable<BigInt>,
        reported -> Nullable<Text>,
        reported_reason -> Nullable<Text>,
        retry -> Bool,
        outcome -> Nullable<Text>,
        next_try -> Nullable<BigInt>,
    }
}

diesel::table! {
    provisioning_numbers (id) {
        id -> BigInt,
        rows_issued -> BigInt,
    }
}

diesel::table! {
    sites (id) {
        id -> BigInt,
        account_id -> BigInt,
        name -> Text,
        description -> Text,
        status -> Text,
        with_account -> Bool,
        created_at -> BigInt,
        changed_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        revision -> BigInt,
    }
}

diesel::table! {
    probes (id) {
        id -> BigInt,
        account_id -> BigInt,
        site_id -> BigInt,
        name -> Text,
        status -> Text,
        with_account -> Bool,
        created_at -> BigInt,
        changed_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        revision -> BigInt,
    }
}

diesel::table! {
    site_history (thing_id, revision) {
        thing_id -> BigInt,
        revision -> BigInt,
        at -> BigInt,
        happening -> Text,
        changed -> Text,
        account_id -> BigInt,
        site_id -> BigInt,
        from_site_id -> Nullable<BigInt>,
        status -> Text,
        cause -> Text,
        delivery_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    brandings (account_id) {
        account_id -> BigInt,
        title -> Text,
        colours -> Text,
        logo_type -> Nullable<Text>,
        logo_size -> Nullable<BigInt>,
        logo_digest -> Nullable<Binary>,
        logo -> Nullable<Binary>,
    }
}

diesel::table! {
    account_aliases (source, tenant, platform_id) {
        source -> Text,
        tenant -> Text,
        platform_id -> Text,
        account_id -> BigInt,
        since -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(account_aliases, accounts);
diesel::allow_tables_to_appear_in_same_query!(accounts, relations, deliveries, bodies, webhook_ids);
diesel::allow_tables_to_appear_in_same_query!(reconciliation_findings, acknowledgements);
diesel::allow_tables_to_appear_in_same_query!(users, user_services, services);
